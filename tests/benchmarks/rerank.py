"""What diversity costs: the served lists as diversity_lambda goes from 1 down to 0.

``python tests/benchmarks/rerank.py warehouse.duckdb --vars 'dataset: ml-1m'`` copies a database
that was built with these vars, has dbt make the lists and their metrics anew in the copy for each
lambda, and prints NDCG, diversity, coverage, novelty and freshness of ``final`` on the fold
``holdout``. Nothing is explored, so that lambda alone makes the difference, and nothing is learned
anew. The rows also go to ``target/benchmarks/rerank.json``, and with ``--picture file.svg`` into a
picture.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import yaml
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "target" / "benchmarks" / "rerank.json"
LAMBDAS = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
# Metric → what its axis says.
METRICS = {
    "ndcg": "NDCG",
    "diversity": "diversity (1 − Jaccard)",
    "catalog_coverage": "catalogue coverage",
    "novelty": "novelty (bits)",
    "freshness": "mean age (days)",
}
# From the re-rank to the metrics, and nothing beside.
MODELS = "weighed_candidates+,+metrics"


def dbt(database: Path, folder: Path, variables: dict) -> None:
    """Make the lists and their metrics anew."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "--no-use-colors", "run"]
    command += ["--project-dir", "dbt_project", "--target-path", f"{folder}/target"]
    command += ["--log-path", f"{folder}/logs", "--vars", yaml.safe_dump(variables)]
    command += ["--select", MODELS, "picked_candidates"]
    environment = os.environ | {"FORYOU_DATABASE": str(database)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def sweep(built: Path, variables: dict, fold: str, k: int) -> list[dict]:
    """One row per lambda and metric: value, ci_low, ci_high."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database = Path(shutil.copy(built, folder / "warehouse.duckdb"))
        for diversity_lambda in tqdm(LAMBDAS, unit="lambda"):
            its = {"diversity_lambda": diversity_lambda, "exploration_every": 0}
            dbt(database, folder, variables | its)
            with duckdb.connect(str(database), read_only=True) as connection:
                rows += [
                    {"lambda": diversity_lambda, "metric": metric, "k": k}
                    | {"value": value, "ci_low": low, "ci_high": high}
                    for metric, value, low, high in connection.execute(
                        "select metric, value, ci_low, ci_high from evaluation.metrics"
                        " where fold = ? and model = 'final' and k = ? and segment = 'all'",
                        [fold, k],
                    ).fetchall()
                    if metric in METRICS
                ]
    return rows


def show(rows: list[dict], console: Console, title: str) -> None:
    """Print a line a lambda."""
    table = Table("lambda", *(METRICS[metric] for metric in METRICS), title=title)
    by_place = {(row["lambda"], row["metric"]): row for row in rows}
    for diversity_lambda in LAMBDAS:
        cells = []
        for metric in METRICS:
            row = by_place[diversity_lambda, metric]
            digits = 4 if row["value"] < 1 else 2
            value, low, high = (f"{row[its]:.{digits}f}" for its in ("value", "ci_low", "ci_high"))
            cells.append(f"{value} [{low}, {high}]")
        table.add_row(f"{diversity_lambda:.1f}", *cells)
    console.print(table)


def draw(rows: list[dict], file: Path, title: str) -> None:
    """Draw a panel a metric, with intervals, as SVG or PNG."""
    import altair

    panels = []
    for metric, says in METRICS.items():
        base = altair.Chart(altair.Data(values=[row for row in rows if row["metric"] == metric]))
        x = altair.X("lambda:Q", title="diversity_lambda", sort="descending")
        y = altair.Scale(zero=False)
        band = base.mark_area(opacity=0.2).encode(
            x, altair.Y("ci_low:Q", title=f"{says}@{rows[0]['k']}", scale=y), altair.Y2("ci_high:Q")
        )
        line = base.mark_line(point=True).encode(x, altair.Y("value:Q", scale=y))
        panels.append((band + line).properties(width=190, height=150))
    altair.hconcat(*panels).properties(title=title).save(str(file))


def main() -> None:
    """Print the table; write the rows and, if wanted, the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("--vars", default="", help="the vars that it was built with, as YAML")
    parser.add_argument("--fold", default="holdout")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--picture", type=Path, help="an .svg or .png to write")
    options = parser.parse_args()
    variables = yaml.safe_load(f"{{{options.vars}}}")
    rows = sweep(options.database, variables, options.fold, options.k)
    title = f"{variables.get('dataset', 'ml-100k')}, {options.fold}"
    show(rows, Console() if sys.stdout.isatty() else Console(width=150), title)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=2) + "\n")
    if options.picture:
        draw(rows, options.picture, title)


if __name__ == "__main__":
    main()
