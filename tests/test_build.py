"""What a build promises: the same rows every time, and no look past a cutoff."""

import random
import signal
import subprocess
import time

import duckdb
import pytest
from conftest import ROOT, Warehouse

# Every table that a fold's ranker stands on, by the schema it is in.
BEFORE_THE_CUTOFF = [
    "folds.fold_items",
    "folds.user_items",
    "features.item_features",
    "features.user_features",
    "candidates.item_neighbors",
    "candidates.candidates",
    "ranking.ranked_candidates",
]
TABLES = ["recommendations.recommendations", "recommendations.similar_items", "evaluation.metrics"]
WITHOUT_TESTS = ("--exclude-resource-types", "test", "unit_test")


@pytest.fixture
def copied_data(tmp_path):
    """A copy of the default data set whose events an SQL query has changed."""

    def write(select: str) -> str:
        folder = tmp_path / "data" / "ml-100k"
        folder.mkdir(parents=True)
        for file in (ROOT / "data" / "ml-100k").iterdir():
            target = folder / file.name
            if "_data." in file.name:
                query = select.format(events=f"read_parquet('{file}')")
                with duckdb.connect() as connection:
                    connection.execute(f"copy ({query}) to '{target}' (format parquet)")
            else:
                target.write_bytes(file.read_bytes())
        return str(tmp_path / "data")

    return write


def test_two_builds_from_scratch_are_the_same_to_the_row(built, warehouse):
    warehouse.build(*WITHOUT_TESTS)
    for table in TABLES:
        assert warehouse.hash_of(table) == built.hash_of(table), table


@pytest.mark.parametrize(
    "select",
    [
        # Every event from the cutoff on is another person's, of another film, at another value…
        "select user_id % 900 + 1 as user_id, movie_id % 1600 + 1 as movie_id,"
        " 6 - rating as rating, timestamp from {events}"
        " where timestamp >= epoch(timestamp '1998-03-08')"
        " union all select * from {events} where timestamp < epoch(timestamp '1998-03-08')",
        # …or gone, but for one that keeps the end where it was.
        "select * from {events} where timestamp < epoch(timestamp '1998-03-08')"
        " or timestamp = (select max(timestamp) from {events})",
    ],
    ids=["changed", "deleted"],
)
def test_nothing_after_the_cutoff_reaches_the_fold(select, warehouse, tmp_path, copied_data):
    variables = {
        "tune_cutoff": "1998-02-01",
        "holdout_cutoff": "1998-03-08",
        "candidate_users": "all",
    }
    until_ranking = ("--selector", "ranking", *WITHOUT_TESTS)
    honest = Warehouse(tmp_path / "honest")
    honest.build(*until_ranking, **variables)
    warehouse.build(*until_ranking, **variables, data_dir=copied_data(select))
    for table in BEFORE_THE_CUTOFF:
        expected = honest.rows(in_ids(honest, table))
        assert expected[0][0] > 0
        assert warehouse.rows(in_ids(warehouse, table)) == expected, table


def in_ids(warehouse, table: str) -> str:
    """A query for the rows and the hash of a table's `holdout`, in the owner's ids.

    What nobody met before the cutoff is numbered by what comes after it, so keys may differ. Who
    never came before the cutoff is somebody the fold cannot know of, and is left out.
    """
    schema, name = table.split(".")
    columns = warehouse.rows(
        "select column_name from information_schema.columns"
        " where table_schema = $1 and table_name = $2 order by ordinal_position",
        [schema, name],
    )
    values, joins = [], []
    for (column,) in columns:
        if column.endswith(("user_key", "item_key")):
            kind = column.removesuffix("_key").split("_")[-1]
            joins.append(
                f"left join inputs.{kind}s as {column}s on t.{column} = {column}s.{kind}_key"
            )
            values.append(f"{column}s.{kind}_id")
        else:
            values.append(f"t.{column}")
    known = "select user_key from folds.user_items where fold = 'holdout'"
    only_known = f"and t.user_key in ({known})" if ("user_key",) in columns else ""
    return (
        f"select count(*), sum(hash(cast(({', '.join(values)}) as varchar)))"
        f" from {table} as t {' '.join(joins)} where t.fold = 'holdout' {only_known}"
    )


def test_a_killed_build_is_made_whole_by_the_next(built, warehouse):
    random_source = random.Random(20261124)
    for _ in range(3):
        process = subprocess.Popen(
            warehouse.command("build", *WITHOUT_TESTS),
            cwd=ROOT,
            env=warehouse.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random_source.uniform(3, 11))
        process.send_signal(signal.SIGKILL)
        process.wait()
    warehouse.build(*WITHOUT_TESTS)
    for table in TABLES:
        assert warehouse.hash_of(table) == built.hash_of(table), table
