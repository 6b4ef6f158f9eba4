"""What a build promises: the same rows every time, and no look past a cutoff."""

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import duckdb
import pytest
from conftest import DBT, ROOT, Warehouse

# Every table that a fold's ranker stands on. A row deleted moves the number of those behind it.
BEFORE_THE_CUTOFF = [
    "(select * exclude (source_row) from folds.train_interactions)",
    "folds.fold_items",
    "folds.user_items",
    "features.item_features",
    "features.user_features",
    "candidates.item_neighbors",
    "candidates.item_transitions",
    "candidates.rp3beta_neighbors",
    "candidates.vectors",
    "candidates.candidates",
    "features.segment_item_features",
    "ranking.candidate_pool",
    "ranking.ranking_features",
    "ranking.ranked_candidates",
]
# What the comparison is for: a feature that counts all likes there will ever be.
LOOKS_AHEAD = """(
    select
        item_features.fold,
        item_features.item_key,
        (
            select count(*) from inputs.interactions
            where interactions.item_key = item_features.item_key and interactions.is_positive
        ) as n_likes_ever
    from features.item_features
)"""
TABLES = [
    "ranking.ranked_candidates",
    "ranking.ranker_choice",
    "candidates.candidates",
    "candidates.vectors",
    "recommendations.recommendations",
    "recommendations.similar_items",
    "evaluation.metrics",
    "evaluation.ann_recall",
    "experiments.experiment_results",
    "experiments.off_policy_estimates",
]
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


CUTOFF = "epoch(timestamp '1998-03-08')"
LEAK_VARS = {
    "folds": ["tune", "holdout"],
    "tune_cutoff": "1998-02-01",
    "holdout_cutoff": "1998-03-08",
    # Who is drawn does not depend on what is to be found.
    "candidate_users": "all",
    "max_candidate_users": 150,
    # What it looks at is the same in every pass.
    "two_tower_epochs": 1,
}
UNTIL_RANKING = ("--selector", "ranking", *WITHOUT_TESTS)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The data set as it is, cut at the times of the leak tests."""
    warehouse = Warehouse(tmp_path_factory.mktemp("honest"))
    warehouse.build(*UNTIL_RANKING, **LEAK_VARS)
    return warehouse


@pytest.mark.parametrize(
    "select",
    [
        # Every event from the cutoff on is another person's, of another film, at another value
        # and time…
        f"""
        select
            if(timestamp < {CUTOFF}, user_id, 944 - user_id) as user_id,
            if(timestamp < {CUTOFF}, movie_id, 1683 - movie_id) as movie_id,
            if(timestamp < {CUTOFF}, rating, 6 - rating) as rating,
            if(timestamp < {CUTOFF}, timestamp, timestamp + 3600 * user_id) as timestamp
        from {{events}}
        """,
        # …or gone, but for the last.
        f"""
        select * from {{events}}
        where timestamp < {CUTOFF} or timestamp = (select max(timestamp) from {{events}})
        """,
    ],
    ids=["changed", "deleted"],
)
def test_nothing_after_the_cutoff_reaches_the_fold(select, honest, warehouse, copied_data):
    warehouse.build(*UNTIL_RANKING, **LEAK_VARS, data_dir=copied_data(select))
    for fold in ("tune", "holdout"):
        for table in BEFORE_THE_CUTOFF:
            expected = honest.hash_of(table, f"fold = '{fold}'")
            assert expected[0] > 0
            assert warehouse.hash_of(table, f"fold = '{fold}'") == expected, (fold, table)
        assert warehouse.hash_of(LOOKS_AHEAD, f"fold = '{fold}'") != honest.hash_of(
            LOOKS_AHEAD, f"fold = '{fold}'"
        )
    # The change did reach what it may reach.
    assert warehouse.hash_of("folds.test_positives") != honest.hash_of("folds.test_positives")


@pytest.mark.skipif("MKL_CBWR" not in os.environ, reason="make sets what libraries may use")
def test_libraries_use_what_all_processors_do_alike():
    import faiss
    import implicit.cpu.als  # noqa: F401
    import numpy as np
    import torch
    from threadpoolctl import threadpool_info

    assert torch.backends.cpu.get_cpu_capability() == "AVX2"
    assert faiss.SIMDConfig.get_level_name() == "AVX2"
    assert not np._core._multiarray_umath.__cpu_features__["X86_V4"]
    kinds = {it["architecture"] for it in threadpool_info() if it["internal_api"] == "openblas"}
    assert kinds == {"Haswell"}


def test_two_builds_are_the_same_to_the_row_though_one_was_killed(built, warehouse):
    """From scratch, in a database of its own; killed twice on its way, and made whole.

    What was finished before is kept, so that two starts get farther than one.
    """
    random_source = random.Random(20261124)
    for n_models in (30, 75):
        process = subprocess.Popen(
            [DBT, *warehouse.arguments("build", *WITHOUT_TESTS)],
            cwd=ROOT,
            env=warehouse.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        began = (line for line in process.stdout if " START sql " in line)
        assert len(list(itertools.islice(began, n_models))) == n_models
        time.sleep(random_source.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finished = warehouse.rows(
        """
        select node_id from builds.finished_models
        semi join duckdb_tables() on split_part(node_id, '.', 3) = table_name
        where made_from is not null and holds = made_from
        """
    )
    result = warehouse.dbt("build", *WITHOUT_TESTS)
    assert result.returncode == 0, result.stdout
    assert {node.rpartition(".")[2] for (node,) in finished} <= kept(result.stdout)
    assert len(finished) > 10
    # What it took is told of what was made, and those are the rest.
    noted = warehouse.rows("select name from builds.run_results where status = 'kept'")
    assert {name for (name,) in noted} == kept(result.stdout)
    for table in TABLES:
        assert warehouse.hash_of(table) == built.hash_of(table), table


def kept(output: str) -> set[str]:
    """The models that dbt did not make again."""
    return set(re.findall(r"created \S+ (?:table|by_fold) model \w+\.(\w+) .*\[KEPT in", output))


def test_what_was_made_from_something_else_is_made_again(copy, copied_data):
    def rerun(**variables) -> set[str]:
        # As a kill at the very end leaves it.
        with duckdb.connect(str(copy.database)) as connection:
            connection.execute("update builds.finished_models set is_open = true")
        result = copy.dbt("run", "--select", "+als_vectors", "+item_transitions", **variables)
        assert result.returncode == 0, result.stdout
        return kept(result.stdout)

    other_vars = rerun(transitions_window=3)
    assert {"interactions", "folds", "user_items", "als_vectors"} <= other_vars
    assert "item_transitions" not in other_vars
    assert copy.rows(
        """
        select count(*) from builds.finished_models
        where is_open and node_id in ('model.foryou.als_vectors', 'model.foryou.item_transitions')
        """
    ) == [(0,)]
    # Some events are of another value.
    other_events = rerun(
        als_factors=2,
        data_dir=copied_data(
            "select * replace (if(user_id = 1 and rating = 3, 5, rating) as rating) from {events}"
        ),
    )
    assert not {"interactions", "user_items", "als_vectors", "item_transitions"} & other_events


def test_a_copy_under_another_name_can_be_read(built, tmp_path):
    copy = shutil.copy(built.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(copy), read_only=True) as connection:
        views = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_type = 'VIEW' and table_schema not in ('staging')"
        ).fetchall()
        assert views
        for (view,) in views:
            assert connection.execute(f"select count(*) from {view}").fetchone() > (0,), view


def test_a_model_built_by_fold_holds_what_its_query_gives(built):
    """Compiled SQL that is run by hand has no current fold, and gives all of them at once."""
    nodes = json.loads(built.manifest.read_text())["nodes"].values()
    by_fold = [
        node
        for node in nodes
        if node["config"].get("materialized") == "by_fold" and node["language"] == "sql"
    ]
    assert by_fold
    for node in by_fold:
        query = (
            built.folder / "target" / "compiled" / "foryou" / node["original_file_path"]
        ).read_text()
        table = f"{node['schema']}.{node['name']}"
        assert built.hash_of(f"({query}\n)") == built.hash_of(table), table
