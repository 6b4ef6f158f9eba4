"""How good each model was at one cutoff after another, in the terminal."""

import argparse
import statistics
import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from exports.warehouse import database_path, open_to_read, terminal

FOLDS = """
    select fold, cast(cutoff_at as date) as cutoff
    from folds.folds
    where split = 'time' and is_evaluated
    order by cutoff_at
"""
VALUES = """
    select fold, model, value
    from evaluation.metrics
    where metric = $metric and k = $k and segment_kind = 'all'
"""


def backtest(database: Path, console: Console, metric: str = "ndcg", k: int = 10) -> None:
    """Print a line a model and a column a cutoff, the best on average first.

    Parameters
    ----------
    database : Path
        A DuckDB file that was built with earlier_folds.
    console : Console
        Where to print.
    metric, k : str, int
        What to print, as in evaluation.metrics.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    duckdb.CatalogException
        When the file holds no build.
    """
    with open_to_read(database, made_by="make backtest") as connection:
        folds = connection.execute(FOLDS).fetchall()
        values = {}
        for fold, model, value in connection.execute(VALUES, {"metric": metric, "k": k}).fetchall():
            values.setdefault(model, {})[fold] = value
    table = Table(title=f"{metric}@{k} by cutoff, all users", title_justify="left")
    table.add_column("model")
    for fold, cutoff in folds:
        table.add_column(f"{fold}\n{cutoff}", justify="right")
    table.add_column("mean\nof all", justify="right")
    rows = []
    for model, its in values.items():
        measured = [its.get(fold) for fold, _ in folds]
        # A ranker has nothing to learn from before the first cutoff.
        mean = statistics.mean(value for value in measured if value is not None)
        rows.append((mean, model, measured))
    for mean, model, measured in sorted(rows, key=lambda row: (-row[0], row[1])):
        cells = ("–" if value is None else f"{value:.4f}" for value in measured)
        table.add_row(model, *cells, f"{mean:.4f}" if None not in measured else "–")
    console.print(table)


def main() -> int:
    """Report on the database that FORYOU_DATABASE names; 0, or 1 when there is nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default="ndcg")
    parser.add_argument("--k", type=int, default=10)
    options = parser.parse_args()
    try:
        backtest(database_path(), terminal(), options.metric, options.k)
    except (FileNotFoundError, duckdb.Error) as error:
        print(f"foryou: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
