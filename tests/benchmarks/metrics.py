"""How fast the accuracy metrics are, against ranx on the same lists, and how time grows with users.

``python tests/benchmarks/metrics.py warehouse.duckdb`` takes the lists of the fold ``holdout`` of a
database that was built, works out recall, precision, hit rate, NDCG, MAP and MRR of every model at
every cutoff, by the SQL of the model ``user_accuracy`` as dbt compiles it and by ranx (Bassani
2022; ``pip install ranx``), and prints the seconds of each, the best of three; ranx's without and
with the time to make its runs. Then it repeats the users of three models until there are as many as
asked for.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
# What user_accuracy reads.
TABLES = ("evaluated_users", "measured_cutoffs", "positive_weights", "ranked_lists")
ROUNDS = 3


def compiled(database: Path) -> str:
    """Have dbt compile user_accuracy for a database."""
    folder = database.parent
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "compile"]
    command += ["--project-dir", "dbt_project", "--select", "user_accuracy"]
    command += ["--target-path", f"{folder}/target", "--log-path", f"{folder}/logs"]
    environment = os.environ | {"FORYOU_DATABASE": str(database)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    path = folder / "target/compiled/foryou/models/evaluation/user_accuracy.sql"
    return path.read_text()


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The best of several rounds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def by_ranx(connection: duckdb.DuckDBPyConnection) -> tuple[float, float]:
    """Seconds that ranx takes, without and with making its runs from rows."""
    from ranx import Qrels, Run, evaluate

    ks = [k for (k,) in connection.execute("select distinct k from measured order by k").fetchall()]
    names = ("recall", "precision", "hit_rate", "ndcg", "map", "mrr")
    metrics = [f"{name}@{k}" for name in names for k in ks]
    labels = connection.execute(
        "select cast(user_key as varchar), cast(item_key as varchar) from labels"
    ).fetchall()
    lists = connection.execute(
        "select model, cast(user_key as varchar), cast(item_key as varchar), rank from lists"
    ).fetchall()

    def runs():
        qrels, of_models = {}, {}
        for user, item in labels:
            qrels.setdefault(user, {})[item] = 1
        for model, user, item, rank in lists:
            of_models.setdefault(model, {}).setdefault(user, {})[item] = 1 / rank
        # Of users whom a model gives no list ranx wants to hear, too.
        empty = {user: {"none": 0.0} for user in qrels}
        return Qrels(qrels), [Run(empty | run) for run in of_models.values()]

    qrels, all_runs = runs()

    def work():
        for run in all_runs:
            evaluate(qrels, run, metrics)

    work()  # numba compiles
    alone = seconds(work)
    return alone, alone + seconds(runs)


def copied(source: Path, fold: str, folder: Path, n_users: int, models: list[str]) -> Path:
    """A database of what user_accuracy reads, with users repeated until there are so many."""
    database = folder / "lists.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach '{source}' as built (read_only)")
        connection.execute("create schema evaluation")
        [(n, most)] = connection.execute(
            "select count(*), max(user_key) from built.evaluation.evaluated_users"
            " where fold = $1 and segment_kind = 'all'",
            [fold],
        ).fetchall()
        copies = max(round(n_users / n), 1)
        for table in TABLES:
            has_models = table in ("measured_cutoffs", "ranked_lists")
            of_model = "and model = any($3)" if has_models and models else "and $3 is not null"
            users = ", user_key + copy * $4 as user_key" if table != "measured_cutoffs" else ""
            exclude = " exclude (user_key)" if users else ""
            copy = "range($2) as copies (copy)" if users else "(select $2 + $4) as copies (copy)"
            connection.execute(
                f"create table evaluation.{table} as select built.*{exclude}{users}"
                f" from built.evaluation.{table} as built cross join {copy}"
                f" where fold = $1 {of_model}",
                [fold, copies, models, most + 1],
            )
    return database


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("--fold", default="holdout")
    parser.add_argument("--users", type=int, nargs="*", default=[6_000, 20_000, 60_000, 160_000])
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        database = copied(options.database, options.fold, Path(folder), 1, [])
        query = f"create or replace temp table result as {compiled(database)}"
        with duckdb.connect(str(database)) as connection:
            connection.execute("create view labels as from evaluation.positive_weights")
            connection.execute("create view lists as from evaluation.ranked_lists")
            connection.execute("create view measured as from evaluation.measured_cutoffs")
            [(n_users, n_lists)] = connection.execute(
                "select count(distinct user_key), count(distinct (model, user_key))"
                " from evaluation.ranked_lists"
            ).fetchall()
            ours = seconds(lambda: connection.execute(query))
            alone, with_runs = by_ranx(connection)
        table = Table("by", "seconds", "ours / theirs", title=f"{n_users} users, {n_lists} lists")
        table.add_row("user_accuracy, in SQL", f"{ours:.2f}", "")
        table.add_row("ranx, its runs made before", f"{alone:.2f}", f"{ours / alone:.2f}")
        table.add_row(
            "ranx, its runs made from rows", f"{with_runs:.2f}", f"{ours / with_runs:.2f}"
        )
        console.print(table)
        table = Table("users", "seconds", "microseconds a user")
        models = ["final", "blend", "als"]
        for asked in options.users:
            database = copied(options.database, options.fold, Path(folder), asked, models)
            with duckdb.connect(str(database)) as connection:
                [(n_users,)] = connection.execute(
                    "select count(*) from evaluation.evaluated_users where segment_kind = 'all'"
                ).fetchall()
                taken = seconds(lambda: connection.execute(query), 1 if asked > 50_000 else ROUNDS)
            table.add_row(f"{n_users:,}", f"{taken:.2f}", f"{1e6 * taken / n_users:.0f}")
        console.print(table)


if __name__ == "__main__":
    main()
