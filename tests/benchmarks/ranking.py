"""How good each source, ranker and the served list are in a database that was built, and how fast
the ranker is.

``python tests/benchmarks/ranking.py warehouse.duckdb`` prints NDCG@10 and recall@20 with their
intervals on the fold ``holdout`` (or ``--fold``), which ranker serves, the milliseconds that one
user's 500 candidates take from features to the first 20 on one core, and the seconds that the whole
fold ``live`` takes from features to ranks.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from models_py.blocks import BlockReader  # noqa: E402
from models_py.ranking import RANKERS, Columnar, ranked_candidates, ranks_of  # noqa: E402

METRICS = """
    select model, metric, k, value, ci_low, ci_high
    from evaluation.metrics
    where fold = $fold and segment = 'all' and (metric, k) in (('ndcg', 10), ('recall', 20))
"""
ROUNDS = 200


def quality(connection: duckdb.DuckDBPyConnection, fold: str) -> Table:
    """A line a model, the best NDCG first."""
    values = {}
    for model, metric, k, *its in connection.execute(METRICS, {"fold": fold}).fetchall():
        values.setdefault(model, {})[f"{metric}@{k}"] = its
    table = Table("model", "NDCG@10", "interval", "recall@20", "interval", title=fold)
    for model, its in sorted(values.items(), key=lambda pair: -pair[1]["ndcg@10"][0]):
        cells = []
        for metric in ("ndcg@10", "recall@20"):
            value, low, high = its[metric]
            cells += [f"{value:.4f}", f"{low:.4f} to {high:.4f}"]
        table.add_row(model, *cells)
    return table


def milliseconds(fit: dict, definitions, block) -> float:
    """Median time from one user's features to the order of the candidates, one core."""
    artifact = json.loads(fit["artifact"])
    columnar = Columnar(definitions, artifact["vocabularies"])
    model = RANKERS[fit["ranker"]][0].from_text(artifact["model"])
    of_one = block.slice(0, 500)
    features, categories = columnar.features(of_one), columnar.category_ids(of_one)
    users, items = of_one["user_key"].to_numpy() * 0, of_one["item_key"].to_numpy()
    taken = []
    with threadpool_limits(limits=1):
        for _ in range(ROUNDS):
            started = time.perf_counter()
            items[ranks_of(users, items, model.scores(features, categories)) <= 20]
            taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("--fold", default="holdout")
    parser.add_argument("--speed", action="store_true", help="measure times, too")
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=110)
    with duckdb.connect(str(options.database), read_only=True) as connection:
        console.print(quality(connection, options.fold))
        choice = connection.sql(
            "select fold, ranker, ranker_folds, n_users, ndcg, difference, difference_ci_low,"
            " difference_ci_high, is_served, reason from ranking.ranker_choice"
            " where ranker_folds is not null order by all"
        ).fetchall()
        table = Table("fold", "ranker", "held out of", "users", "NDCG", "over the blend", "serves")
        for fold, ranker, learned_in, n_users, ndcg, difference, low, high, serves, why in choice:
            numbers = ["–", "–"]
            if ndcg is not None:
                numbers = [f"{ndcg:.4f}", f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]"]
            table.add_row(*(fold, ranker, learned_in, str(n_users), *numbers, f"{serves}: {why}"))
        console.print(table)
        if not options.speed:
            return
        fits = connection.sql("from ranking.lightgbm_fits where fold = 'live'").to_arrow_table()
        [fit] = fits.to_pylist()
        definitions = connection.sql("from features.feature_definitions").to_arrow_table()
        reader = BlockReader(
            connection,
            connection.query("select * from ranking.ranking_features"),
            connection.sql("from folds.fold_users").to_arrow_table(),
            1000,
        )
        started = time.perf_counter()
        ranked = ranked_candidates(fits, ["live"], reader.blocks, definitions)
        n_rows = sum(len(batch) for batch in ranked)
        console.print(f"live: {n_rows:,} candidates in {time.perf_counter() - started:.1f} s")
        block = next(reader.blocks("live"))
        console.print(
            f"one user, {fit['n_rounds']} trees: {milliseconds(fit, definitions, block):.2f} ms"
        )


if __name__ == "__main__":
    main()
