"""Refusing a fit that would not fit into memory, before it begins."""

import os
import re
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa

# What libraries take for threads and buffers whatever they are given.
OVERHEAD = 64e6
CGROUP = Path("/sys/fs/cgroup/memory.max")
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
# Bytes of a number, and of a short text with its place. All others have 8.
BYTES_PER_VALUE = {"BOOLEAN": 1, "INTEGER": 4, "FLOAT": 4, "DATE": 4, "VARCHAR": 12}


def require(n_bytes: float, what: str, remedy: str) -> None:
    """Go on only if there is so much memory left.

    Parameters
    ----------
    n_bytes : float
        What is going to be needed beside what is in memory by now.
    what : str
        What needs it, with the counts that it comes from.
    remedy : str
        What to lower.

    Raises
    ------
    MemoryError
        When less is left.

    Examples
    --------
    >>> require(1e3, "A list of 1,000 letters", "Write less.")
    >>> require(1e18, "A list of 10¹⁸ letters", "Write less.")
    Traceback (most recent call last):
        ...
    MemoryError: A list of 10¹⁸ letters needs 1,000,000,000,064 MB beside what is in memory...
    """
    left, of = available()
    n_bytes += OVERHEAD
    if n_bytes > left:
        raise MemoryError(
            f"{what} needs {n_bytes / 1e6:,.0f} MB beside what is in memory, and "
            f"{max(0, left) / 1e6:,.0f} MB are left of {of}. {remedy}"
        )


def available() -> tuple[float, str]:
    """Tell how many bytes this process may still take, and of what.

    That is FORYOU_PROCESS_MEMORY, such as ``12GB``, less what the process holds, DuckDB's share
    included. Where it is not set, what the machine or the container has.
    """
    held = psutil.Process().memory_info().rss
    if text := os.environ.get("FORYOU_PROCESS_MEMORY"):
        return bytes_of(text) - held, f"FORYOU_PROCESS_MEMORY ({text})"
    machine = psutil.virtual_memory()
    of_machine = machine.available, f"the machine's {machine.total / 1e9:,.1f} GB"
    text = CGROUP.read_text().strip() if CGROUP.exists() else ""
    if not text.isdigit():
        return of_machine
    return min(of_machine, (int(text) - held, f"the container's {int(text) / 1e9:,.1f} GB"))


def bytes_of(text: str) -> float:
    """Read a size as DuckDB writes them.

    Examples
    --------
    >>> bytes_of("12GB"), bytes_of("1.5 GiB")
    (12000000000.0, 1610612736.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    if not found:
        raise ValueError(f"A size is a number and a unit, such as 12GB, got {text!r}")
    return float(found[1]) * (UNITS | BINARY_UNITS)[found[2] or ""]


def arrow(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Read a table of DuckDB into memory, if it fits."""
    columns = list(zip(relation.columns, relation.types, strict=True))
    lists = [name for name, its in columns if its.id == "list"]
    [(n_rows, *n_values)] = relation.aggregate(
        ", ".join(["count(*)", *(f'coalesce(sum(len("{name}")), 0)' for name in lists)])
    ).fetchall()
    require(
        n_rows * sum(_width(its) for _, its in columns) + float(sum(n_values)) * 4,
        f"A table of {n_rows:,} rows of {', '.join(relation.columns)}",
        "Build fewer folds, lower max_candidate_users, or the dimensions of vectors.",
    )
    return relation.to_arrow_table()


def _width(column_type) -> int:
    if column_type.id == "array":
        (_, child), (_, size) = column_type.children
        return size * _width(child)
    return BYTES_PER_VALUE.get(str(column_type), 8)
