"""What is published is a build that passed, whole; whatever happens, what was before stays."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT

from exports import snapshot
from exports.snapshot import NotPublishedError, publish

SMALL = ("build", "--exclude-resource-types", "unit_test", "--select", "feature_definitions")


@pytest.fixture(autouse=True)
def without_arrays(monkeypatch) -> None:
    """What the online service reads takes seconds to write, and has tests of its own."""
    monkeypatch.setattr(snapshot, "write_artifacts", lambda connection, folder: None)


@pytest.fixture
def into(tmp_path) -> Path:
    return tmp_path / "published"


def current(into: Path) -> dict:
    """The manifest of what is published, after a look whether all of it is there."""
    manifest = json.loads((into / "current" / "manifest.json").read_text())
    for table in manifest["tables"].values():
        content = (into / "current" / table["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == table["sha256"]
    return manifest


def test_what_is_published_is_what_was_built(built, into):
    folder = publish(built.database, into)
    manifest = current(into)
    assert folder.name == manifest["run_id"] and manifest["dataset"] == "ml-100k"
    assert set(manifest["tables"]) == set(snapshot.TABLES)
    for name, table in manifest["tables"].items():
        rows = duckdb.sql(f"from read_parquet('{folder / table['file']}')")
        assert len(rows) == table["n_rows"], name
        assert dict(zip(rows.columns, map(str, rows.types), strict=True)) == table["columns"]
    [(n_rows,)] = built.rows(
        "select count(*) from recommendations.recommendations where fold = 'live'"
    )
    assert manifest["tables"]["recommendations"]["n_rows"] == n_rows
    with duckdb.connect(str(into / "foryou.duckdb"), read_only=True) as reports:
        assert reports.sql("select count(*) from metrics").fetchone() == (
            manifest["tables"]["metrics"]["n_rows"],
        )


def test_twice_is_once(built, into):
    folder = publish(built.database, into)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert publish(built.database, into) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == times


def test_a_build_that_failed_is_not_published(copy, into):
    publish(copy.database, into)
    before = current(into)
    gate = [{"metric": "ndcg", "k": 10, "minimum": 0.99}]
    result = copy.dbt(
        *("build", "--exclude-resource-types", "unit_test", "--select", "quality_gates"),
        quality_gates=gate,
    )
    assert result.returncode != 0
    assert "Quality gates: ndcg@10 of final on holdout is" in result.stdout
    with pytest.raises(NotPublishedError, match="1 models or tests of the last build failed"):
        publish(copy.database, into)
    assert current(into) == before


def test_a_run_that_tests_nothing_is_not_published(copy, into):
    assert copy.dbt("run", "--select", "feature_definitions").returncode == 0
    with pytest.raises(NotPublishedError, match="the last run of dbt was `dbt run`"):
        publish(copy.database, into)


def test_a_build_that_was_killed_is_not_published(copy, into):
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute("update builds.runs set n_failed = null")
    with pytest.raises(NotPublishedError, match="did not come to its end"):
        publish(copy.database, into)


def test_nothing_is_not_published(warehouse, into):
    with pytest.raises(FileNotFoundError, match="make build"):
        publish(warehouse.database, into)
    duckdb.connect(str(warehouse.database)).close()
    with pytest.raises(NotPublishedError, match="nothing was built here yet"):
        publish(warehouse.database, into)


def test_old_runs_go(copy, into):
    folders = [publish(copy.database, into)]
    for _ in range(3):
        assert copy.dbt(*SMALL).returncode == 0
        folders.append(publish(copy.database, into, keep=2))
    assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert current(into)["run_id"] == folders[-1].name
    with pytest.raises(ValueError, match="keep must be at least 1"):
        publish(copy.database, into, keep=0)


@pytest.mark.parametrize("step", ["fsync", "replace", "copyfile"])
def test_a_full_disk_leaves_what_was_before(copy, into, monkeypatch, step):
    publish(copy.database, into)
    before = current(into)
    assert copy.dbt(*SMALL).returncode == 0

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil if step == "copyfile" else os, step, full)
    with pytest.raises(OSError, match="No space left"):
        publish(copy.database, into)
    monkeypatch.undo()
    if step != "copyfile":  # by then the switch has been made
        assert current(into) == before
    assert not list(into.glob(".partial-*"))
    # With space again it goes through.
    publish(copy.database, into)
    assert current(into)["run_id"] != before["run_id"]


def test_killed_at_any_moment_it_leaves_what_was_before_or_all(copy, into):
    publish(copy.database, into)
    assert copy.dbt(*SMALL).returncode == 0
    before = current(into)["run_id"]
    command = [sys.executable, "-m", "exports.snapshot", "--into", str(into)]
    environment = os.environ | {"FORYOU_DATABASE": str(copy.database)}
    for delay in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        current(into)
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
    assert current(into)["run_id"] != before
    assert {path.name for path in into.iterdir()} == {
        *("current", "foryou.duckdb", before, current(into)["run_id"])
    }
