"""How long events take to get in, against DuckDB reading and sorting the same file.

``python tests/benchmarks/ingest.py`` writes 25 million synthetic ratings as CSV, then times, in
turn and in processes of their own: DuckDB's ``create table as select * from read_csv(…) order by``
user and time; and dbt, from the file to accepted and rejected interactions with our keys. The
ratio of the two is what counts: absolute times are the machine's. Then the same file as one's own
(``dataset: custom``), and a night later, when a file with a day's events lies beside it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
CUSTOM = """
dataset: custom
custom:
  interactions:
    file: "{folder}/ratings*.csv"
    columns: {{user_id: userId, item_id: movieId, value: rating, occurred_at: timestamp}}
    constants: {{event_type: rating}}
"""
# As the profile sets them.
SETTINGS = "set memory_limit='{limit}'; set preserve_insertion_order=false;"


def write_events(folder: Path, n_rows: int) -> None:
    """Write ratings with long-tailed users and items, in the form of ml-25m."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("select setseed(0.42)")
        connection.execute(
            "copy (select 1 + cast(floor(160000 * power(random(), 2)) as int) as userId,"
            " 1 + cast(floor(60000 * power(random(), 3)) as int) as movieId,"
            " (1 + floor(random() * 10)) / 2 as rating,"
            " 1000000000 + cast(floor(random() * 500000000) as bigint) as timestamp"
            f" from range({n_rows})) to '{folder}/ratings.csv' (header)"
        )
        connection.execute(
            "copy (select range + 1 as movieId, 'Film ' || range || ' (1999)' as title,"
            f" 'Drama' as genres from range(60000)) to '{folder}/movies.csv' (header)"
        )


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in GB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(output)
    return time.perf_counter() - started, usage.ru_maxrss / 1e6


def seconds_of_models(folder: Path) -> list[tuple[str, float]]:
    """Seconds of each model in dbt's last run, in the order of the run."""
    log = (folder / "logs" / "dbt.log").read_text().rpartition("Running with dbt=")[2]
    return [
        (model, float(seconds))
        for model, seconds in re.findall(r"model \S*?\.(\w+) \.+ \[.*?OK.*?in ([\d.]+)s\]", log)
    ]


def main() -> None:
    """Print a table of seconds and gigabytes, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=25_000_000)
    parser.add_argument("--memory-limit", default=os.environ.get("FORYOU_MEMORY_LIMIT", "2GB"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_events(folder / "ml-25m", options.rows)
        settings = SETTINGS.format(limit=options.memory_limit)
        read_and_sort = (
            f"import duckdb; c = duckdb.connect('{folder}/plain.duckdb');"
            f' c.execute("{settings}");'
            f" c.execute(\"create table t as select * from read_csv('{folder}/ml-25m/ratings.csv')"
            ' order by userId, timestamp")'
        )
        environment = os.environ | {
            "FORYOU_DATABASE": f"{folder}/foryou.duckdb",
            "FORYOU_MEMORY_LIMIT": options.memory_limit,
        }
        dbt = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "run"]
        dbt += ["--project-dir", "dbt_project", "--target-path", f"{folder}/target"]
        dbt += ["--log-path", f"{folder}/logs", "--select", "+interactions"]
        dbt += ["--vars", f"{{dataset: ml-25m, data_dir: '{folder}'}}"]
        empty = subprocess.run([*dbt, "--empty"], cwd=ROOT, env=environment, capture_output=True)
        if empty.returncode != 0:
            raise SystemExit(empty.stdout.decode())
        plain = timed([sys.executable, "-c", read_and_sort], environment)
        ours = timed(dbt, environment)
        for model, seconds in seconds_of_models(folder):
            print(f"    {model:30} {seconds:8.1f} s")
        nights = {}
        dbt[-1] = CUSTOM.format(folder=folder / "ml-25m")
        environment["FORYOU_DATABASE"] = f"{folder}/custom.duckdb"
        for name, n_rows in {"own file": 0, "a night later": options.rows // 1000}.items():
            if n_rows:
                write_events(folder / "day", n_rows)
                (folder / "day" / "ratings.csv").rename(folder / "ml-25m" / "ratings_2.csv")
            seconds, gigabytes = timed(dbt, environment)
            nights[name] = (seconds, gigabytes, dict(seconds_of_models(folder)))
    print(f"{options.rows:,} rows, memory limit {options.memory_limit}")
    print(f"DuckDB read_csv + sort  {plain[0]:8.1f} s  {plain[1]:5.2f} GB")
    print(f"dbt, file to inputs     {ours[0]:8.1f} s  {ours[1]:5.2f} GB")
    print(f"ratio                   {ours[0] / plain[0]:8.2f}")
    for name, (seconds, gigabytes, models) in nights.items():
        print(
            f"{name:23} {seconds:8.1f} s  {gigabytes:5.2f} GB,"
            f" of it {models['loaded_interactions']:.1f} s to read"
        )


if __name__ == "__main__":
    main()
