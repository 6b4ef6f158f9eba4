"""The build on data of odd sizes: one person with very many events, an item that everybody has,
very many people with one event each.

    .venv/bin/python tests/benchmarks/odd_sizes.py one_user --share 0.1

Makes the events in DuckDB, from a hash of their numbers, builds them as `dataset: custom`, and
prints the seconds and rows of each model, the slowest first, and the peak of resident memory. With
`--share 0.1` all counts are a tenth. The folder stays.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import duckdb
import psutil

ROOT = Path(__file__).parents[2]
# Besides what is odd: 20,000 people, 50 events each, of 20,000 items, the popular ones more often.
CROWD = """
    select
        'u' || n // 50 as user_id,
        'i' || cast(floor(20000 * pow(hash(n, 1) / 18446744073709551615, 3)) as integer) as item_id,
        timestamp '2025-01-01' + to_seconds(hash(n, 2) % 31536000) as occurred_at
    from range(cast(1000000 * $share as bigint)) as numbers(n)
"""
# Size → the events that make it odd.
ODD = {
    "one_user": """
        select
            'bot' as user_id,
            'i' || hash(n, 3) % 200000 as item_id,
            timestamp '2025-01-01' + to_seconds(hash(n, 4) % 31536000) as occurred_at
        from range(cast(500000 * $share as bigint)) as numbers(n)
    """,
    "one_item": """
        select
            'u' || n as user_id,
            'everybody has it' as item_id,
            timestamp '2025-01-01' + to_seconds(hash(n, 5) % 31536000) as occurred_at
        from range(cast(20000 * $share as bigint)) as numbers(n)
    """,
    "one_event_each": """
        select
            'once ' || n as user_id,
            'i' || cast(floor(20000 * pow(hash(n, 6) / 18446744073709551615, 3)) as integer)
                as item_id,
            timestamp '2025-01-01' + to_seconds(hash(n, 7) % 31536000) as occurred_at
        from range(cast(10000000 * $share as bigint)) as numbers(n)
    """,
}


def write_events(size: str, share: float, file: Path) -> int:
    """Write the events as Parquet; how many there are."""
    query = f"select *, 'purchase' as event_type from ({CROWD} union all {ODD[size]})"
    with duckdb.connect() as connection:
        connection.execute("set variable share = $1", [share])
        query = query.replace("$share", "getvariable('share')")
        return connection.execute(f"copy ({query}) to '{file}' (format parquet)").fetchone()[0]


def variables(file: Path) -> dict:
    """The vars that read them."""
    columns = {name: name for name in ("user_id", "item_id", "event_type", "occurred_at")}
    return {
        "dataset": "custom",
        "custom": {"interactions": {"file": str(file), "columns": columns}},
    }


def build(folder: Path, its_variables: dict) -> tuple[int, float, int]:
    """Build: exit status of dbt, seconds, and the most that the process has held, in bytes."""
    began = time.monotonic()
    process = psutil.Popen(
        [
            Path(sys.executable).with_name("dbt"),
            *("build", "--exclude-resource-types", "test", "unit_test"),
            *("--project-dir", "dbt_project", "--vars", json.dumps(its_variables)),
            *("--target-path", folder / "target", "--log-path", folder / "logs"),
        ],
        cwd=ROOT,
        env=os.environ | {"FORYOU_DATABASE": str(folder / "odd.duckdb")},
    )
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.2)
    return process.wait(), time.monotonic() - began, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("size", choices=ODD)
    parser.add_argument("--share", type=float, default=1.0, help="of all counts")
    parser.add_argument("--into", type=Path, default=ROOT / "target" / "odd_sizes")
    parser.add_argument("--vars", type=json.loads, default={}, help="more vars, as JSON")
    arguments = parser.parse_args()
    folder = arguments.into / f"{arguments.size}-{arguments.share:g}"
    folder.mkdir(parents=True, exist_ok=True)
    n_events = write_events(arguments.size, arguments.share, folder / "events.parquet")
    status, seconds, peak = build(folder, variables(folder / "events.parquet") | arguments.vars)
    with duckdb.connect(str(folder / "odd.duckdb"), read_only=True) as connection:
        slowest = connection.execute(
            """
            select name, status, duration_seconds
            from builds.run_results
            where run_id = (select arg_max(run_id, ran_at) from builds.runs)
            order by duration_seconds desc
            limit 15
            """
        ).fetchall()
    for name, its_status, its_seconds in slowest:
        print(f"{name:32}{its_status:10}{its_seconds:8.1f} s")
    print(f"{n_events:,} events, {seconds:,.0f} s, {peak / 1e9:.1f} GB")
    sys.exit(status)


if __name__ == "__main__":
    main()
