"""How long each source takes within a build, against a library's bare call on the same matrix.

``python tests/benchmarks/sources.py --dataset ml-1m`` runs the whole DAG, prints the seconds of
every model of the layer `candidates`, then fits, in this process and on the likes of the same
folds, implicit's AlternatingLeastSquares with the same parameters and its CosineRecommender with
as many neighbours. FORYOU_DATABASE names a file to keep what was built. Ratios within one run
are what counts: absolute times are the machine's.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import yaml
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from ingest import ROOT, seconds_of_models, timed
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(ROOT))

from models_py.als import one_blas_thread  # noqa: E402
from models_py.blocks import by_fold  # noqa: E402
from models_py.tables import fold_likes  # noqa: E402

USER_ITEMS = "select * from folds.user_items"
VARS = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]


def seconds_of_als(likes: list) -> float:
    """Fit by the library alone: matrices are there, nothing is written down."""
    started = time.perf_counter()
    for matrix in likes:
        with one_blas_thread():
            AlternatingLeastSquares(
                factors=VARS["als_factors"],
                iterations=VARS["als_iterations"],
                alpha=VARS["als_alpha"],
                random_state=VARS["als_random_state"],
            ).fit(matrix, show_progress=False)
    return time.perf_counter() - started


def seconds_of_cosine(likes: list) -> float:
    """The library's item kNN: all pairs, whatever the window."""
    started = time.perf_counter()
    for matrix in likes:
        # Of all likes, whatever lies between them.
        CosineRecommender(K=VARS["cooccurrence_neighbors"]).fit(matrix, show_progress=False)
    return time.perf_counter() - started


def main() -> None:
    """Print a table of seconds, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--vars", default="{}", help="more vars, in YAML")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        variables = {"dataset": options.dataset} | yaml.safe_load(options.vars)
        command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
        command += ["--project-dir", "dbt_project", "--target-path", f"{folder}/target"]
        command += ["--log-path", f"{folder}/logs", "--vars", yaml.safe_dump(variables)]
        command += ["--exclude-resource-types", "test", "unit_test"]
        database = os.environ.get("FORYOU_DATABASE", f"{folder}/warehouse.duckdb")
        environment = os.environ | {"FORYOU_DATABASE": database}
        whole, gigabytes = timed(command, environment)
        seconds = dict(seconds_of_models(folder))
        with duckdb.connect(database, read_only=True) as connection:
            tables = by_fold(connection, connection.sql(USER_ITEMS))
            likes = [fold.likes for fold in fold_likes(tables)]
            of_candidates = {
                name
                for (name,) in connection.execute(
                    "select table_name from information_schema.tables"
                    " where table_schema = 'candidates'"
                ).fetchall()
            }
    table = Table(
        "model", "seconds", title=f"{options.dataset}: {whole:.0f} s and {gigabytes:.1f} GB"
    )
    for model, taken in sorted(seconds.items(), key=lambda pair: -pair[1]):
        if model in of_candidates:
            table.add_row(model, f"{taken:.1f}")
    console.print(table)
    for name, models, bare in (
        ("als", ["als_vectors"], seconds_of_als(likes)),
        ("cooccurrence", ["item_pairs", "item_neighbors"], seconds_of_cosine(likes)),
    ):
        ours = sum(seconds[model] for model in models)
        console.print(
            f"{name}: {' and '.join(models)} {ours:.1f} s, implicit alone on the same {len(likes)}"
            f" matrices {bare:.1f} s, ratio {ours / bare:.2f}"
        )


if __name__ == "__main__":
    main()
