"""Where a published run is sent on to, so that applications find it in a server that they have.

Each target takes what ``exports.snapshot`` has published, only that, never the warehouse, and makes
it visible in one step: whoever reads sees the run before or this one. ``make publish TO="postgres
redis"`` publishes and sends; ``python -m exports.targets --to redis`` sends what was published.
"""

import hashlib
import importlib
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Each is a module here and an extra of pyproject.toml.
TARGETS = ("postgres", "redis")


class NotSentError(Exception):
    """A run that a target did not take, why, and what to do; it tells no secret."""


@dataclass(frozen=True)
class PublishedRun:
    """A folder that ``exports.snapshot`` wrote."""

    folder: Path
    manifest: dict

    @classmethod
    def open(cls, folder: Path) -> "PublishedRun":
        """Read the manifest and see whether all that it names is there, to the byte.

        Raises
        ------
        NotSentError
            When something is missing or was changed.
        """
        # What `current` names is looked up once: it may move on while this is read.
        folder = folder.resolve()
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotSentError(
                f"{folder} holds no published run; `make publish` makes one"
            ) from None
        run = cls(folder, manifest)
        names = {"run_id": run.run_id, **{f"table {name}": name for name in run.tables}}
        for what, name in names.items():
            # They become names of tables and keys.
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name):
                raise NotSentError(f"{folder}/manifest.json: {what} is no plain name: {name!r}")
        for name, table in manifest["tables"].items():
            try:
                with run.file(name).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                digest = None
            if digest != table["sha256"]:
                raise NotSentError(
                    f"{run.file(name)} is not what the manifest says; remove {folder} and publish"
                    " again"
                )
        return run

    @property
    def run_id(self) -> str:
        return self.manifest["run_id"]

    @property
    def tables(self) -> list[str]:
        return list(self.manifest["tables"])

    def file(self, table: str) -> Path:
        """Give the Parquet of a table."""
        return self.folder / f"{table}.parquet"


def from_environment(variable: str, holds: str) -> str:
    """Give what a variable of the environment holds, which is the only place for a secret."""
    value = os.environ.get(variable, "")
    if not value:
        raise NotSentError(f"the environment variable {variable} is not set; it holds {holds}")
    return value


def plain_word(variable: str, default: str) -> str:
    """Give a name that becomes part of SQL or of keys: a word of lower-case letters."""
    value = os.environ.get(variable) or default
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", value):
        raise NotSentError(
            f"{variable} is {value!r}; it takes up to 40 lower-case letters, digits and _"
        )
    return value


def send(run: PublishedRun, target: str) -> str:
    """Send a run to one target.

    Parameters
    ----------
    run : PublishedRun
        What to send.
    target : str
        One of TARGETS; where it is stands in the environment.

    Returns
    -------
    str
        What was done, in words.

    Raises
    ------
    NotSentError
        When the target is not there, not set or did not take it. Readers see the run before.
    """
    module = importlib.import_module(f"exports.targets.{target}")
    return module.send(run)


def send_to_all(folder: Path, targets: Iterable[str]) -> int:
    """Send what is in a folder to each target, and say so; 0, or 1 when one of them failed."""
    status = 0
    for target in dict.fromkeys(targets):
        try:
            print(f"{target}: {send(PublishedRun.open(folder), target)}")
        except NotSentError as error:
            print(f"foryou: not sent to {target}: {error}", file=sys.stderr)
            status = 1
    if status:
        print(
            f"foryou: {folder} stays published; `python -m exports.targets` sends it again",
            file=sys.stderr,
        )
    return status
