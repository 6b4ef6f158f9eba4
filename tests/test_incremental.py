"""Events that come night by night: only what is new is read, and nothing depends on when."""

import json
import os
import shutil
from pathlib import Path

import duckdb
from conftest import Warehouse
from test_corpus import COLUMNS, custom

COLUMNS = {**COLUMNS, "event_id": "id"}
HEADER = "id,customer,sku,action,amount,ts"
NIGHT = ("run", "--select", "+fold_interactions")
FIRST = [f"a{n},u{n % 7},i{n % 5},view,,2025-01-{n + 1:02}T10:00:00" for n in range(28)]
SECOND = [
    # New, late (before t1), with the key of an event of the first night, and broken.
    *(f"b{n},u{n % 9},i{n % 6},view,,2025-02-{n + 1:02}T10:00:00" for n in range(9)),
    "late,u1,i4,view,,2025-01-02T23:00:00",
    "a3,u3,i3,view,,2024-12-31T10:00:00",
    "x,u3,i3,view,,never",
]
THIRD = [*SECOND, "c,u2,i5,view,,2025-02-11T10:00:00"]


def write(path: Path, events: list[str]) -> None:
    """Events as CSV; Parquet is read night by night in test_nights.py."""
    path.write_text("".join(f"{line}\n" for line in [HEADER, *events]))


def hashes(warehouse: Warehouse) -> dict[str, tuple]:
    """Every table and its rows."""
    tables = warehouse.rows(
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where table_name <> 'input_profile' and schema_name <> 'builds' order by all"
    )
    return {table: warehouse.hash_of(table) for (table,) in tables}


def night(warehouse: Warehouse, *options: str, **variables) -> str:
    result = warehouse.dbt(*NIGHT, *options, **variables)
    assert result.returncode == 0, result.stdout
    return result.stdout


def is_as_if_read_at_once(warehouse: Warehouse, **variables) -> dict[str, tuple]:
    """Whether a full refresh, in a copy, gives the same tables."""
    grown = hashes(warehouse)
    other = Warehouse(warehouse.folder / "other")
    other.folder.mkdir(exist_ok=True)
    shutil.copy(warehouse.database, other.database)
    night(other, "--full-refresh", **variables)
    assert hashes(other) == grown
    return grown


# Parquet is read night by night in test_nights.py.
def test_files(warehouse, tmp_path):
    variables = custom(tmp_path / "*.csv", COLUMNS)
    first, second = (tmp_path / f"{name}.csv" for name in ("first", "2nd"))
    write(first, FIRST)
    night(warehouse, **variables)

    # A file that was read is not read again: what stands in it now, at the same time, would show.
    before = first.stat()
    content = first.read_bytes()
    write(first, ["z,u1,i1,view,,2025-01-01"])
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
    write(second, SECOND)
    night(warehouse, **variables)
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(FIRST) + 10,)]
    assert warehouse.rows(
        "select source_file, source_row, reason from inputs.rejected_interactions order by 2"
    ) == [
        # Of two events with one key the earlier stays, whichever was loaded first.
        (str(first), 4, "event_id is that of another row"),
        (str(second), 12, "time is not a time"),
    ]
    assert warehouse.rows(
        "select fold, part from folds.fold_interactions"
        " where source_file = $file and source_row = 10 order by fold",
        {"file": str(second)},
    ) == [("holdout", "train"), ("live", "train"), ("tune", "train")]

    first.write_bytes(content)
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
    grown = is_as_if_read_at_once(warehouse, **variables)
    # The same files again, nothing new.
    night(warehouse, **variables)
    assert hashes(warehouse) == grown


def test_files_that_change(warehouse, tmp_path):
    variables = custom(tmp_path / "*.csv", COLUMNS)
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    write(first, SECOND)
    write(second, FIRST)
    night(warehouse, **variables)

    # One has grown since; the other is gone: what was read stays, until it is asked for.
    write(first, THIRD)
    os.utime(first, (2_000_000_000, 2_000_000_000))
    second.rename(tmp_path / "2.old")
    said = night(warehouse, **variables)
    assert f"Changed since it was read, and read again: {first}" in said
    assert f"{second} is gone" in said
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(FIRST) + 11,)]

    (tmp_path / "2.old").rename(second)
    is_as_if_read_at_once(warehouse, **variables)

    # Another reading of the same files.
    variables["custom"]["interactions"]["attributes"] = ["amount"]
    night(warehouse, **variables)
    assert warehouse.rows("select count(attributes) from inputs.interactions") == [
        (len(FIRST) + 11,)
    ]


def test_tables(warehouse, tmp_path):
    """Rows of a table are told apart by when they were loaded into it."""
    shop = tmp_path / "shop.duckdb"
    variables = {
        "dataset": "custom",
        "as_of": "2026-01-01",
        "attach": {"shop": {"type": "duckdb", "path": str(shop)}},
        "custom": {
            "interactions": {
                "relation": "shop.events",
                "columns": COLUMNS | {"loaded_at": "loaded"},
            }
        },
    }

    def load(events: list[str], loaded_at: str) -> None:
        write(tmp_path / "events.csv", events)
        with duckdb.connect(shop) as connection:
            query = (
                f"select *, timestamp '{loaded_at}' as loaded"
                f" from read_csv('{tmp_path}/events.csv', all_varchar = true) order by random()"
            )
            connection.execute(f"create table if not exists events as {query} limit 0")
            connection.execute(f"insert into events {query}")

    load(FIRST, "2025-01-31")
    night(warehouse, **variables)
    with duckdb.connect(shop) as connection:
        # Not loaded again, so this does not show.
        connection.execute("update events set customer = 'nobody' where id = 'a1'")
    load(SECOND, "2025-02-28")
    assert "read again" not in night(warehouse, **variables)
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(FIRST) + 10,)]
    assert warehouse.rows("select count(*) from inputs.users where user_id = 'nobody'") == [(0,)]
    with duckdb.connect(shop) as connection:
        connection.execute("update events set customer = 'u1' where id = 'a1'")
    grown = is_as_if_read_at_once(warehouse, **variables)
    night(warehouse, **variables)
    assert hashes(warehouse) == grown

    # Rows that were loaded before the last ones, and were not there then.
    load(["c,u2,i5,view,,2025-02-11T10:00:00"], "2025-02-27")
    assert "All rows are read again" in night(warehouse, **variables)
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(FIRST) + 11,)]
    is_as_if_read_at_once(warehouse, **variables)


def test_source_freshness(warehouse, tmp_path):
    """Says when the newest file was changed."""
    write(tmp_path / "1.csv", FIRST)
    os.utime(tmp_path / "1.csv", (1_767_225_600, 1_767_225_600))
    result = warehouse.dbt("source", "freshness", **custom(tmp_path / "*.csv", COLUMNS))
    assert "WARN freshness of custom.interactions" in result.stdout
    sources = json.loads((warehouse.folder / "target" / "sources.json").read_text())
    assert sources["results"][0]["max_loaded_at"] == "2026-01-01T00:00:00+00:00"
