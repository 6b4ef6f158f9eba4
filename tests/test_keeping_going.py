"""What stands in a build's way: it says so in one message, and nothing is lost."""

import os
import subprocess
import sys

import duckdb
import forked_dbt
import numpy as np
import pyarrow as pa
import pytest
import yaml
from conftest import ROOT
from scipy.sparse import csr_matrix

from models_py.als import ALSParameters, als_vectors
from models_py.ease import EASE, EASEParameters
from models_py.memory import arrow
from models_py.retrieval import RetrievalParameters, vector_candidates
from models_py.svd import SVDParameters, svd_vectors
from models_py.tables import vector_rows
from models_py.two_tower import TwoTowerParameters, two_tower_fits


def test_a_second_build_says_who_holds_the_warehouse(warehouse):
    script = (
        f"import duckdb; c = duckdb.connect('{warehouse.database}'); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        result = warehouse.dbt("run", "--select", "folds")
        holder.communicate(b"\n")
    assert result.returncode == 2
    message = result.stdout.partition("Encountered an error:")[2]
    assert f"is held by process {holder.pid} ({sys.executable} -c import duckdb" in message
    assert "Traceback" not in message
    assert len(message.strip().splitlines()) <= 3


USER_ITEMS = pa.table(
    {
        "fold": ["live"] * 4,
        "user_key": pa.array([1, 1, 2, 2], pa.int32()),
        "item_key": pa.array([1, 2, 1, 3], pa.int32()),
        "is_positive": [True] * 4,
        "weight": [1.0] * 4,
    }
)
USERS, ITEMS = (USER_ITEMS.select(["fold", key]) for key in ("user_key", "item_key"))
VECTORS = pa.concat_tables(
    [
        vector_rows("live", entity, np.array([1, 2]), np.eye(2)).append_column(
            "source", pa.array(["als"] * 2)
        )
        for entity in ("user", "item")
    ]
)


@pytest.mark.parametrize(
    "fit",
    [
        lambda: als_vectors([USER_ITEMS], USERS, ALSParameters()),
        lambda: svd_vectors([USER_ITEMS], USERS, SVDParameters()),
        lambda: EASE(EASEParameters()).fit(csr_matrix(np.eye(3))),
        lambda: two_tower_fits(USER_ITEMS, USERS, ITEMS, None, None, TwoTowerParameters()),
        lambda: vector_candidates(VECTORS, USER_ITEMS, USERS, ITEMS, 2, RetrievalParameters()),
    ],
    ids=["als", "svd", "ease", "two_tower", "vector_candidates"],
)
def test_what_needs_more_memory_than_there_is_is_refused(fit, monkeypatch):
    monkeypatch.setenv("FORYOU_PROCESS_MEMORY", "1MB")
    with pytest.raises(MemoryError, match=r"needs \d.* FORYOU_PROCESS_MEMORY \(1MB\)") as refused:
        fit()
    variables = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
    remedy = str(refused.value).rpartition("(1MB).")[2]
    assert any(name in remedy for name in variables)


def test_a_table_is_as_large_as_was_thought(built, monkeypatch):
    asked = []
    monkeypatch.setattr("models_py.memory.require", lambda n_bytes, *_: asked.append(n_bytes))
    with duckdb.connect(str(built.database), read_only=True) as connection:
        for table in ("candidates.vectors", "folds.user_items", "candidates.candidates"):
            n_bytes = arrow(connection.sql(f"select * from {table}")).nbytes
            assert asked[-1] == pytest.approx(n_bytes, rel=0.1), table


def test_duckdb_without_memory_says_what_to_do(copy):
    """The table stays as it was."""
    before = copy.hash_of("candidates.item_transitions")
    result = forked_dbt.dbt(
        copy.arguments("run", "--select", "item_transitions", "--full-refresh"),
        copy.environment | {"FORYOU_MEMORY_LIMIT": "8MB"},
    )
    assert result.returncode == 1, result.stdout
    assert "DuckDB needs more memory than FORYOU_MEMORY_LIMIT gives it for item" in result.stdout
    assert copy.hash_of("candidates.item_transitions") == before != (0, 0)


def test_the_spill_of_a_killed_build_is_cleared_away(copy):
    """What is not DuckDB's stays."""
    folder = copy.database.with_name(copy.database.name + ".tmp")
    folder.mkdir(exist_ok=True)
    spilled, other = folder / "duckdb_temp_storage_DEFAULT-0.tmp", folder / "notes.txt"
    for file in (spilled, other):
        file.write_text("left")
        os.utime(file, (0, 0))
    result = copy.dbt("run", "--select", "ranking_examples")
    assert result.returncode == 0, result.stdout
    assert not spilled.exists()
    assert other.exists()


def test_a_full_disk_leaves_the_table_as_it_was(copy):
    """A file that cannot grow stands for it: here not even to what it is. Then there is room."""
    before = copy.hash_of("candidates.item_transitions")
    again = copy.arguments("run", "--select", "item_transitions", "--full-refresh")
    result = forked_dbt.dbt(again, copy.environment, file_size=copy.database.stat().st_size // 2)
    assert result.returncode != 0, result.stdout
    assert "There is no room left on the disk of the warehouse for item_trans" in result.stdout
    assert "Traceback" not in result.stdout
    assert copy.hash_of("candidates.item_transitions") == before != (0, 0)
    result = forked_dbt.dbt(again, copy.environment)
    assert result.returncode == 0, result.stdout
    assert copy.hash_of("candidates.item_transitions") == before
