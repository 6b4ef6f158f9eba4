"""What was built, in the terminal: ten recommendations, the metrics, the tables to query."""

import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from exports.warehouse import database_path, open_to_read, terminal

N_ITEMS = 10
K = 10
METRICS = ("recall", "ndcg", "map", "mrr", "catalog_coverage", "diversity", "novelty")
TABLES = {
    "recommendations.recommendations": "what each user is shown, from where and why",
    "recommendations.similar_items": "the items most like each item",
    "evaluation.metrics": "how good each model is, by fold, cutoff and segment",
    "evaluation.metric_comparisons": "whether one model is better than another, with p-values",
    "evaluation.metrics_history": "what each build measured",
    "ranking.ranked_candidates": "what the ranker made of the proposals",
    "candidates.candidates": "what each source proposed",
    "inputs.rejected_interactions": "rows that were refused, with the reason",
}

# The user shown is one whose history a reader can take in: an active one, drawn by a hash.
A_USER = """
    select users.user_key, users.user_id
    from features.user_features
    inner join inputs.users on user_features.user_key = users.user_key
    where user_features.fold = 'live' and user_features.n_positives >= $n_items
    order by md5(users.user_id), users.user_key
    limit 1
"""
LAST_LIKES = """
    select items.title
    from folds.user_items
    inner join inputs.items on user_items.item_key = items.item_key
    where
        user_items.fold = 'live'
        and user_items.user_key = $user_key
        and user_items.is_positive
        and user_items.recency_rank <= $n_items
    order by user_items.recency_rank
"""
RECOMMENDED = """
    select rank, title, reason
    from recommendations.recommendations
    where fold = 'live' and user_id = $user_id and rank <= $n_items
    order by rank
"""
MODELS = """
    select fold, model, metric, value
    from evaluation.metrics
    where k = $k and segment_kind = 'all'
    order by fold, model, metric
"""
REJECTED = """
    select reason, count(*) as n_rows
    from inputs.rejected_interactions
    group by reason
    order by n_rows desc, reason
"""


def report(database: Path, console: Console) -> None:
    """Print what the build left in the database, without changing it.

    Parameters
    ----------
    database : Path
        A DuckDB file in which `dbt build` has finished.
    console : Console
        Where to print.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    duckdb.CatalogException
        When the file holds no build.
    """
    with open_to_read(database) as connection:
        _print_recommendations(connection, console)
        _print_metrics(connection, console)
        _print_rejected(connection, console)
    tables = Table(title=f"Tables to query in {database}", title_justify="left", box=None)
    tables.add_column("table", no_wrap=True)
    tables.add_column("what it holds")
    for name, use in TABLES.items():
        tables.add_row(name, use)
    console.print(tables)


def _print_recommendations(connection: duckdb.DuckDBPyConnection, console: Console) -> None:
    user = connection.execute(A_USER, {"n_items": N_ITEMS}).fetchone()
    if user is None:
        console.print(f"No user has {N_ITEMS} likes yet, so none is shown.")
        return
    user_key, user_id = user
    likes = connection.execute(LAST_LIKES, {"user_key": user_key, "n_items": N_ITEMS}).fetchall()
    recommended = connection.execute(
        RECOMMENDED, {"user_id": user_id, "n_items": N_ITEMS}
    ).fetchall()
    table = Table(title=f"User {user_id}", title_justify="left")
    table.add_column("last liked", ratio=3)
    table.add_column("", justify="right")
    table.add_column("recommended", ratio=3)
    table.add_column("reason", ratio=4)
    for (liked,), (rank, title, reason) in zip(likes, recommended, strict=False):
        table.add_row(liked, str(rank), title, reason)
    console.print(table)


def _print_metrics(connection: duckdb.DuckDBPyConnection, console: Console) -> None:
    values = {}
    for fold, model, metric, value in connection.execute(MODELS, {"k": K}).fetchall():
        values.setdefault((fold, model), {})[metric] = value
    for fold in sorted({fold for fold, _ in values}, reverse=True):
        table = Table(title=f"Metrics at {K}, fold {fold}, all users", title_justify="left")
        table.add_column("model")
        for metric in METRICS:
            table.add_column(metric, justify="right")
        of_fold = {model: row for (its_fold, model), row in values.items() if its_fold == fold}
        best_first = sorted(of_fold.items(), key=lambda pair: -pair[1].get("ndcg", 0.0))
        for model, row in best_first:
            cells = (row.get(metric) for metric in METRICS)
            table.add_row(model, *("–" if cell is None else f"{cell:.4f}" for cell in cells))
        console.print(table)


def _print_rejected(connection: duckdb.DuckDBPyConnection, console: Console) -> None:
    refused = connection.execute(REJECTED).fetchall()
    if not refused:
        console.print("No row of the events was refused.\n")
        return
    table = Table(title="Refused rows", title_justify="left")
    table.add_column("reason")
    table.add_column("rows", justify="right")
    for reason, n_rows in refused:
        table.add_row(reason, f"{n_rows:,}")
    console.print(table)


def main() -> int:
    """Report on the database that FORYOU_DATABASE names; 0, or 1 when there is nothing."""
    try:
        report(database_path(), terminal())
    except (FileNotFoundError, duckdb.Error) as error:
        print(f"foryou: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
