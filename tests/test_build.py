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
    # Who never came before the cutoff is nobody the fold knows of; of the rest, all is the same.
    known = "(select user_key from folds.user_items where fold = 'holdout')"
    for table in BEFORE_THE_CUTOFF:
        where = "fold = 'holdout'"
        if table in (
            "features.user_features",
            "candidates.candidates",
            "ranking.ranked_candidates",
        ):
            where += f" and user_key in {known}"
        expected = honest.hash_of(table, where)
        assert expected[0] > 0
        assert warehouse.hash_of(table, where) == expected, table


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
