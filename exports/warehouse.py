"""The warehouse that was built, for those who only read it: where it is, and how it is opened."""

import os
import sys
from pathlib import Path

import duckdb
from rich.console import Console


def database_path() -> Path:
    """Give the file that FORYOU_DATABASE names."""
    return Path(os.environ.get("FORYOU_DATABASE", "warehouse.duckdb"))


def open_to_read(database: Path, made_by: str = "make build") -> duckdb.DuckDBPyConnection:
    """Open what was built, without changing it.

    Raises
    ------
    FileNotFoundError
        When there is no such file; says what makes it.
    """
    if not database.exists():
        raise FileNotFoundError(f"{database} is missing; `{made_by}` builds it")
    return duckdb.connect(str(database), read_only=True)


def terminal() -> Console:
    """Give where to print: piped into a file there is no width to fit, so there is enough of it."""
    return Console() if sys.stdout.isatty() else Console(width=120)
