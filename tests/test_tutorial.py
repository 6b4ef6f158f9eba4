"""The tutorial: typed as it stands, in a copy of the repository, it prints what it says."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", TUTORIAL, re.M | re.S)
MARK = "———— end of block ————"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
DECIMAL = re.compile(r"\d+\.\d+")
TOLERANCE = 0.005


@pytest.fixture
def clone(built, tmp_path):
    """The files that git tracks, as a repository of their own, with the default data as built."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, tracked.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (tmp_path / ".venv").symlink_to(os.path.abspath(os.path.join(sys.executable, "..", "..")))
    (tmp_path / "data").symlink_to(ROOT / "data")
    # What make would install is there.
    os.utime(tmp_path / "requirements.txt", (0, 0))
    shutil.copy(built.database, tmp_path / "warehouse.duckdb")
    return tmp_path


def typed(commands: list[str], folder) -> list[str]:
    """What each of the blocks prints when one bash reads them one after the other."""
    script = folder / "target" / "tutorial.sh"
    script.parent.mkdir()
    script.write_text("".join(f"{block}echo '{MARK}'\n" for block in commands))
    environment = os.environ | {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test"}
    # Nothing of the make and the database that run this.
    for name in ("FORYOU_DATABASE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environment.pop(name, None)
    result = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return COLOURS.sub("", result.stdout).split(f"{MARK}\n")[:-1]


def lines(text: str) -> list[str]:
    return [f"{line.rstrip()}\n" for line in text.strip().splitlines()]


def is_as_printed(expected: str, got: str) -> bool:
    """As doctest compares, but with `…`, and with decimal numbers that are near enough."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…\n" else re.escape(line).replace("…", r"(?:.|\n)*?")
        for line in lines(expected)
    )
    # In the pattern, 0.31 is `0\.31`.
    match = re.fullmatch(re.sub(r"\d+\\\.\d+", r"(\\d+\\.\\d+)", pattern), "".join(lines(got)))
    return match is not None and all(
        abs(float(ours) - float(theirs)) <= TOLERANCE
        for ours, theirs in zip(DECIMAL.findall(expected), match.groups(), strict=True)
    )


def test_what_is_compared():
    assert is_as_printed("│ a │ 0.312 │\n…\nDone…", "│ a │ 0.310 │  \n1 of 2\nDone in 3 s\n")
    assert is_as_printed("…\n1 row\n…", "1 row\n")
    assert not is_as_printed("│ a │ 0.312 │", "│ a │ 0.300 │")
    assert not is_as_printed("rank 1", "rank 2")


def test_tutorial(clone):
    commands = [block for block, _ in BLOCKS]
    assert commands[0] == "make build\n"
    commands[0] = ".venv/bin/python -m exports.report\n"
    for (block, expected), got in zip(BLOCKS, typed(commands, clone), strict=True):
        assert is_as_printed(expected, got), f"{block}\nprints\n\n{got}\nand not\n\n{expected}"
