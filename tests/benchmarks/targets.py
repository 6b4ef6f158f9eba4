"""How long a published run takes to Postgres and to Redis, and how much memory.

``python tests/benchmarks/targets.py exports/published/current`` starts a server of each of its own,
then sends the run as it is and with as many users as ``--users`` says, each of whom has the list of
a real one: into an empty server, and over the run before.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from servers import postgres_server, redis_server  # noqa: E402

PASSWORD = "of-the-benchmark"


def write_run(published: Path, folder: Path, n_users: int | None) -> int:
    """Copy a published run under another name, its lists to so many users; give its rows."""
    shutil.copytree(published.resolve(), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["run_id"] = folder.name
    if n_users:
        lists = manifest["tables"]["recommendations"]
        file = folder / lists["file"]
        with duckdb.connect() as connection:
            connection.execute(
                f"""
                copy (
                    with lists as (
                        select *, dense_rank() over (order by user_id) - 1 as nth
                        from read_parquet('{published.resolve() / lists["file"]}')
                    ),

                    people as (
                        select
                            'user-' || lpad(range::varchar, 9, '0') as user_id,
                            range % (select max(nth) + 1 from lists) as nth
                        from range({n_users})
                    )

                    select people.user_id, lists.* exclude (user_id, nth)
                    from people
                    inner join lists using (nth)
                    order by people.user_id, lists.rank
                ) to '{file}' (compression zstd)
                """
            )
            [lists["n_rows"]] = connection.execute(
                f"select count(*) from read_parquet('{file}')"
            ).fetchone()
        lists["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return sum(table["n_rows"] for table in manifest["tables"].values())


def timed(target: str, folder: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    """Send; return seconds, peak memory of the sending process in GB, and what it said."""
    command = [sys.executable, "-m", "exports.targets", "--to", target, "--run", str(folder)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    said = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(said)
    return time.perf_counter() - started, usage.ru_maxrss / 1e6, said.strip()


def main() -> None:
    """Print a line for each run that was sent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("published", type=Path, help="the folder of a published run")
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = {"as-it-is": None, "again": None, "many": options.users, "many-again": options.users}
        # Elsewhere: a process counts the memory of the one that it is a copy of as its own.
        with ProcessPoolExecutor(1) as elsewhere:
            n_rows = {
                name: elsewhere.submit(
                    write_run, options.published, folder / name, n_users
                ).result()
                for name, n_users in runs.items()
            }
        with postgres_server(folder, PASSWORD) as postgres, redis_server(folder, PASSWORD) as redis:
            environment = os.environ | {
                "FORYOU_POSTGRES": postgres.address(PASSWORD),
                "FORYOU_REDIS_URL": redis.url(PASSWORD),
            }
            for target in ("postgres", "redis"):
                for name in runs:
                    seconds, gigabytes, said = timed(target, folder / name, environment)
                    print(f"{n_rows[name]:>9,} rows {seconds:6.1f} s {gigabytes:5.2f} GB  {said}")


if __name__ == "__main__":
    main()
