"""What each run of dbt tells of itself: seconds, rows, bytes and memory of every model."""

import multiprocessing
import time

import duckdb
import psutil
import yaml
from conftest import ROOT

from dbt_project.plugins.peaks import INTERVAL_SECONDS, Peaks

MEGABYTE = 2**20


def test_every_table_has_its_rows_and_bytes(built):
    results = built.rows(
        "select run_results.schema_name || '.' || name, n_rows, n_bytes, table_type = 'BASE TABLE'"
        " from builds.run_results inner join information_schema.tables"
        " on run_results.schema_name = table_schema and name = table_name"
        " where resource_type in ('model', 'seed')"
    )
    tables = {table: (n_rows, n_bytes) for table, n_rows, n_bytes, is_table in results if is_table}
    assert len(tables) > 80
    counts = ", ".join(f"(select count(*) from {table})" for table in tables)
    assert tuple(n_rows for n_rows, _ in tables.values()) == built.rows(f"select {counts}")[0]
    assert [
        table for table, (n_rows, n_bytes) in tables.items() if (n_rows > 0) != (n_bytes > 0)
    ] == []
    # Most of the file is these tables.
    size = built.database.stat().st_size
    assert 0.5 * size < sum(n_bytes for _, n_bytes in tables.values()) < 1.1 * size
    views = [sizes for _, *sizes, is_table in results if not is_table]
    assert views and all(sizes == [None, None] for sizes in views)


def test_every_model_has_a_peak_of_memory(built):
    [(lowest, highest, n_unknown, least_spill)] = built.rows(
        "select min(peak_memory_bytes), max(peak_memory_bytes),"
        " count(*) filter (peak_memory_bytes is null), min(peak_spill_bytes)"
        " from builds.run_results"
    )
    [(of_run, spill)] = built.rows("select peak_memory_bytes, peak_spill_bytes from builds.runs")
    assert n_unknown == 0 and least_spill == 0 and spill >= 0
    assert 50 * MEGABYTE < lowest < highest <= of_run < psutil.virtual_memory().total


def test_a_warehouse_from_before_gets_the_columns_and_a_profile_may_lack_the_plugin(
    warehouse, tmp_path
):
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(
            """
            create schema builds;
            create table builds.runs (
                run_id varchar primary key, ran_at timestamp not null, command varchar not null,
                n_nodes integer, n_failed integer, duration_seconds double
            );
            create table builds.run_results (
                run_id varchar not null, node_id varchar not null, resource_type varchar not null,
                schema_name varchar, name varchar not null, status varchar not null,
                duration_seconds double not null, primary key (run_id, node_id)
            );
            insert into builds.runs values ('before', '2026-01-01', 'seed', 1, 0, 1.5);
            insert into builds.run_results values
            ('before', 'seed.foryou.age_groups', 'seed', 'seeds', 'age_groups', 'success', 1.5);
            """
        )
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text())
    del profile["foryou"]["outputs"]["duckdb"]["plugins"]
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profile))
    result = warehouse.dbt("seed", "--select", "age_groups", "--profiles-dir", str(tmp_path))
    assert result.returncode == 0, result.stdout
    [before, after] = warehouse.rows(
        "select n_rows, n_bytes, run_results.peak_memory_bytes, runs.peak_memory_bytes"
        " from builds.run_results inner join builds.runs using (run_id) order by ran_at"
    )
    n_rows = len((ROOT / "dbt_project/seeds/age_groups.csv").read_text().splitlines()) - 1
    assert before == (None, None, None, None)
    assert after == (n_rows, 262_144, None, None)


def _hold(n_bytes: int) -> int:
    """Hold so much memory for as long as Python's lock is held, and no longer."""
    return len(b"x" * n_bytes)


def _looks(peaks: Peaks, folder) -> None:
    """In a process of its own, which has the samples of the one before, and no thread."""
    peaks.start()
    time.sleep(4 * INTERVAL_SECONDS)
    began = time.time()
    before = peaks.highest("memory", began, began)
    _hold(200 * MEGABYTE)
    time.sleep(4 * INTERVAL_SECONDS)
    assert before + 150 * MEGABYTE < peaks.highest("memory", began, time.time())
    assert peaks.highest("memory", time.time(), time.time()) < before + 50 * MEGABYTE
    assert peaks.highest("spill", began, time.time()) == 0
    peaks.spill_folder = folder
    (folder / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(bytes(1000))
    (folder / "somebody_elses.tmp").write_bytes(bytes(1000))
    time.sleep(4 * INTERVAL_SECONDS)
    assert peaks.highest("spill", began, time.time()) == 1000


def test_peaks_are_seen_whoever_holds_the_lock_and_after_a_fork(tmp_path):
    peaks = Peaks()
    assert peaks.highest("memory", 0, time.time()) is None
    peaks.start()
    process = multiprocessing.get_context("fork").Process(target=_looks, args=(peaks, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == 0
