"""A published run of any size that no build made: what the online service is timed on.

Likes, vectors, neighbours and features are drawn and put into a database as the tables of a build;
the rest is the project's own: the exporter writes the arrays of the service, FAISS indexes the
vectors, ALS folds the users in, and LightGBM learns from candidates that the service finds. The
same numbers give the same run.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import yaml
from scipy.sparse import csr_matrix
from tqdm import tqdm

from exports.files import sha256_of
from exports.serving import artifacts
from exports.serving.engine import Engine
from exports.serving.events import RecentEvents
from exports.serving.features import features_of
from exports.serving.person import after, person_of
from exports.serving.run import Ranker, Run
from exports.snapshot import TABLES
from exports.vector_index import IndexParameters, write_indexes
from models_py.als import ALS, ALSParameters
from models_py.columnar import Columnar
from models_py.lightgbm_ranker import LightGBMParameters, LightGBMRanker
from tests.benchmarks.vector_index import N_DIRECTIONS, draw

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt_project"
CUTOFF = "timestamp '2026-01-01'"
SOURCES = ["popular", "trending", "popular_in_segment", "cooccurrence", "als"]
# Model → what its features are called in front of a ranker, as the macro feature_models says.
FEATURE_MODELS = {
    "features/user_features": "user_",
    "features/item_features": "item_",
    "ranking/user_item_features": "",
}
# Vars that the service goes by under their own names.
VARS = (
    *("event_log", "segment_attributes", "event_weights", "value_ranges", "positive_thresholds"),
    *("candidates_k", "content_text_kinds", "als_alpha", "als_regularization", "rrf_k"),
    *("survey_content_power", "survey_neighbor_weight", "blend_weights", "ranked_k"),
    *("ranker_history", "ranker_taste_history", "recommendations_k", "rerank_k"),
    *("freshness_boost", "freshness_half_life_days", "dedupe_attribute", "diversity_lambda"),
    *("max_per_attribute", "sponsored_slots", "reason_history"),
)
EVENTS_PER_BLOCK = 1_000_000
# What is liked together with an item is sought among so many of its direction, the most liked.
NEIGHBORS_AMONG = 1000
ITEMS_PER_BLOCK = 2000
# The penalty of ALS over the largest eigenvalue of the items' Gram matrix: 97 / 240 on ml-100k.
PENALTY = 0.4
# What is made of the likes that were drawn; what no part of the service reads has no rows.
BUILT = f"""
    create table folds.folds as select 'live' as fold, 'live' as split, {CUTOFF} as cutoff_at;
    create table folds.fold_items as select 'live' as fold, item_key from inputs.items;
    create table folds.fold_users as select 'live' as fold, user_key from inputs.users;
    create table inputs.user_attributes as
        select user_key, kind, attribute
        from inputs.users, (values ('gender', gender), ('age_group', age_group))
            as said (kind, attribute);

    create table folds.user_items as
        select
            'live' as fold,
            user_key,
            item_key,
            is_positive,
            case when is_positive then 1e0 end as weight,
            {CUTOFF} - to_microseconds(cast(days * 86400e6 as bigint)) as last_interaction_at,
            cast(row_number() over (partition by user_key order by days, item_key) as integer)
                as recency_rank,
            days
        from drawn.events;

    create table features.item_features as
        with said as (
            select
                item_key,
                count(*) as n_users,
                count(*) filter (is_positive) as n_positive_users,
                sum(cast(power(0.5, days / 7) as decimal(18, 12))) filter (is_positive) as trend,
                max(days) as days_since_first_interaction,
                min(days) filter (is_positive) as days_since_last_like,
                count(*) filter (is_positive and days < 1) as likes_1d,
                count(*) filter (is_positive and days < 7) as likes_7d,
                count(*) filter (is_positive and days < 30) as likes_30d,
                count(*) filter (is_positive and days < 90) as likes_90d,
                count(*) filter (is_positive and days < 90 and user_key % 10 = 0) as newcomers
            from folds.user_items
            group by item_key
        ),
        totals as (
            select count(*) as n, count(distinct user_key) as n_users,
                count(*) filter (days < 1) as n_1d, count(*) filter (days < 7) as n_7d,
                count(*) filter (days < 30) as n_30d, count(*) filter (days < 90) as n_90d
            from folds.user_items
            where is_positive
        )
        select
            'live' as fold,
            items.item_key,
            coalesce(said.n_users, 0) as n_users,
            coalesce(n_positive_users, 0) as n_positive_users,
            coalesce(cast(trend as double), 0.0) as trending_score,
            coalesce(said.n_users, 0) / totals.n_users as user_share,
            percent_rank() over (order by coalesce(said.n_users, 0)) as popularity_percentile,
            epoch({CUTOFF} - available_from) / 86400 as age_days,
            epoch({CUTOFF} - available_from) / 86400 as days_since_release,
            days_since_first_interaction,
            days_since_last_like,
            coalesce(n_positive_users, 0) / n as like_share,
            coalesce(likes_1d, 0) / greatest(1, n_1d) as like_share_1d,
            coalesce(likes_7d, 0) / greatest(1, n_7d) as like_share_7d,
            coalesce(likes_30d, 0) / greatest(1, n_30d) as like_share_30d,
            coalesce(likes_90d, 0) / greatest(1, n_90d) as like_share_90d,
            coalesce(newcomers, 0) / greatest(1, n_90d) as newcomer_like_share_90d,
            ln((likes_1d + 1) / (likes_7d / 7 + 1)) as like_trend_1d_7d,
            ln((likes_7d + 1) / (likes_30d * 7 / 30 + 1)) as like_trend_7d_30d,
            ln((likes_30d + 1) / (likes_90d / 3 + 1)) as like_trend_30d_90d,
            (coalesce(n_positive_users, 0) + 5) / (coalesce(said.n_users, 0) + 10) as like_rate,
            2 + 2.5 * (coalesce(n_positive_users, 0) + 5) / (coalesce(said.n_users, 0) + 10)
                as mean_value
        from inputs.items as items
        cross join totals
        left join said using (item_key);

    create table features.user_features as
        select
            'live' as fold,
            user_key,
            any_value(gender || ' | ' || age_group) as segment,
            any_value(gender || ' of ' || age_group) as segment_label,
            count(*) as n_interactions,
            count(*) filter (is_positive) as n_positives,
            max(last_interaction_at) as last_interaction_at,
            count(*) filter (is_positive) / count(*) as like_rate,
            min(days) as days_since_last_interaction,
            max(days) - min(days) as span_days,
            count(distinct cast(days as integer)) as n_active_days,
            count(*) / count(distinct cast(days as integer)) as interactions_per_active_day,
            2 + 2.5 * count(*) filter (is_positive) / count(*) as mean_value,
            avg(ln(greatest(1, n_users))) filter (is_positive) as mean_log_popularity,
            avg(age_days - days) filter (is_positive) as mean_liked_age_days,
            avg(epoch({CUTOFF}) / 86400 - age_days) filter (is_positive) as mean_release_day
        from folds.user_items
        inner join inputs.users using (user_key)
        inner join features.item_features using (fold, item_key)
        group by user_key;

    create table features.segment_item_features as
        with likes as (
            select segment, item_key, count(*) as n
            from folds.user_items
            inner join features.user_features using (fold, user_key)
            where is_positive
            group by all
        )
        select
            'live' as fold,
            segment,
            item_key,
            n / sum(n) over (partition by segment) as like_share,
            ln((n + 1) / sum(n) over (partition by segment))
            - ln((sum(n) over (partition by item_key) + 1) / sum(n) over ()) as affinity
        from likes;

    create table candidates.attribute_items as
        select
            'live' as fold,
            kind,
            attribute,
            item_key,
            weight,
            (trending_score + 0.01) / max(trending_score + 0.01) over () as quality,
            row_number() over (
                partition by kind, attribute order by trending_score desc, item_key
            ) as rank
        from inputs.item_attributes
        inner join features.item_features using (item_key)
        where kind = 'category'
        qualify rank <= 1000;

    create table recommendations.similar_items as
        select
            'i' || item_key as item_id,
            'i' || neighbor_item_key as similar_item_id,
            rank,
            score
        from candidates.item_neighbors
        where rank <= 20;

    -- As in a build, of each person a list that is looked up, and items to be explored.
    create table recommendations.recommendations as
        with best as (
            select item_key, row_number() over (order by n_positive_users desc, item_key) as place
            from features.item_features
            qualify place <= 1000
        )
        select
            'live' as fold,
            user_id,
            cast(nth as integer) as rank,
            'i' || item_key as item_id,
            1e0 / nth as score,
            'popular' as source,
            'ranked' as slot,
            'Popular with everyone' as reason,
            null::varchar as reason_item_id
        from inputs.users, range(1, 21) as places (nth)
        inner join best on best.place = (user_key * 7 + nth * 13) % 1000 + 1;
    create table recommendations.exploration_candidates as
        select
            'live' as fold,
            user_key,
            cast(hash(user_key, place) % (select count(*) from inputs.items) + 1 as integer)
                as item_key,
            place
        from inputs.users, range(1, 23) as places (place);
    create table recommendations.cold_start_recommendations as
        select
            'all' as kind,
            'all' as audience,
            cast(row_number() over (order by trending_score desc, item_key) as integer) as rank,
            'i' || item_key as item_id,
            'Item ' || item_key as title,
            trending_score as score,
            'Trending now' as reason
        from features.item_features
        qualify rank <= 100;

    create table recommendations.rule_items (
        fold varchar, rule_id varchar, item_key integer, action varchar, value double,
        reason varchar
    );
    create table recommendations.sponsored_candidates (
        fold varchar, user_key integer, item_key integer, draw double, reason varchar
    );
    create table ranking.ranker_choice (fold varchar, ranker varchar, is_served boolean);
    create table ranking.candidate_pool (
        fold varchar, user_key integer, item_key integer, score double, rank integer
    );
"""


@dataclass(frozen=True)
class Size:
    """How large a run is."""

    n_items: int = 1_000_000
    n_users: int = 50_000
    dimensions: int = 64
    """Numbers of a vector."""
    median_history: int = 50
    """Events of a person."""
    n_neighbors: int = 50
    """Items that an item leads to."""
    n_trees: int = 160
    n_taught: int = 300
    """People whose candidates the ranker learns from."""


def synthetic_run(into: Path, size: Size) -> tuple[Path, dict]:
    """Give a published run of a size; it is made if it is not there.

    Parameters
    ----------
    into : Path
        The folder of published runs; ``current`` in it is the run.
    size : Size
        How large.

    Returns
    -------
    folder : Path
        The run.
    made : dict
        seconds that it took, and bytes that it has; part of its manifest.
    """
    made_from = {
        "size": asdict(size),
        "code": {
            str(path.relative_to(ROOT)): sha256_of(path)
            for path in (Path(__file__), ROOT / "exports" / "serving" / "artifacts.py")
        },
    }
    current = into / "current"
    if current.exists():
        manifest = json.loads((current / "manifest.json").read_text())
        if manifest["made_from"] == made_from:
            return current.resolve(), manifest["made"]
    shutil.rmtree(into, ignore_errors=True)
    partial = into / "partial"
    (partial / "serving").mkdir(parents=True)
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(dir=into) as temporary,
        duckdb.connect(f"{temporary}/warehouse.duckdb") as connection,
    ):
        _write(connection, partial, size)
    manifest = json.loads((partial / "manifest.json").read_text())
    manifest["made_from"] = made_from
    manifest["made"] = {
        "seconds": time.perf_counter() - began,
        "bytes": sum(path.stat().st_size for path in partial.rglob("*") if path.is_file()),
    }
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    folder = partial.rename(into / manifest["run_id"])
    current.symlink_to(folder.name)
    return folder, manifest["made"]


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, size: Size) -> None:
    connection.execute("set memory_limit = '6GB'")
    for schema in (
        *("builds", "candidates", "drawn", "features", "folds", "inputs"),
        *("ranking", "recommendations", "seeds"),
    ):
        connection.execute(f"create schema {schema}")
    steps = tqdm(total=7, desc="synthetic run", disable=None, leave=False)

    def begin(step: str) -> None:
        steps.set_postfix_str(step)
        steps.update()

    begin("vectors")
    vectors, _, directions = draw(size.n_items, 1, size.dimensions, "pareto")
    # The longer a vector, the better liked its item: so it is with factors of ALS.
    by_length = np.lexsort((-np.linalg.norm(vectors, axis=1), directions))
    starts = np.searchsorted(directions[by_length], np.arange(N_DIRECTIONS + 1))
    begin("likes")
    _insert(connection, "drawn.events", _events(size, by_length, starts))
    _write_catalogue(connection, directions, size)
    begin("neighbours")
    _insert(
        connection,
        "candidates.item_neighbors",
        _neighbors(connection, vectors, directions, size),
        "'live' as fold, *",
    )
    _write_parameters(connection)
    begin("features")
    connection.execute(BUILT)
    connection.execute(
        "create table ranking.candidate_scores as select 'live' as fold, user_key, item_key, "
        + ", ".join(f"0.0 as {source}_rank, 0.0 as {source}_score" for source in SOURCES)
        + " from ranking.candidate_pool"
    )
    begin("people")
    _write_vectors(connection, vectors, size)
    del vectors
    begin("index")
    indexes = write_indexes(connection, folder, None, IndexParameters())
    begin("arrays")
    artifacts.write(connection, folder / "serving")
    for name in ("items", "users", "cold_start_recommendations", "feature_definitions"):
        connection.sql(TABLES[name]).write_parquet(str(folder / f"{name}.parquet"))
    manifest = {
        "run_id": f"synthetic-{size.n_items}",
        "published_at": "2026-01-01T00:00:00+00:00",
        "dataset": "synthetic",
        "versions": {name: version(name) for name in ("duckdb", "faiss-cpu", "pyarrow")},
        "indexes": indexes,
        "serving": {},
    }
    _write_manifest(folder, manifest)
    begin("ranker")
    _teach(folder, size)
    _write_manifest(folder, manifest)
    steps.close()


def _write_manifest(folder: Path, manifest: dict) -> None:
    manifest["serving"] = {
        str(path.relative_to(folder)): {
            "n_bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in sorted((folder / "serving").rglob("*"))
        if path.is_file()
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    batches: Iterator[pa.RecordBatch],
    selected: str = "*",
) -> None:
    """Make a table of batches as they come, so that never all of them are in memory."""
    first = next(batches)

    def rows() -> Iterator[pa.RecordBatch]:
        yield first
        yield from batches

    reader = pa.RecordBatchReader.from_batches(first.schema, rows())
    connection.register("reader", reader)
    connection.execute(f"create table {table} as select {selected} from reader")
    connection.unregister("reader")


def _events(size: Size, by_length: np.ndarray, starts: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Draw what each person met: most of it from three directions, the best liked most often."""
    random = np.random.default_rng(1)
    popularity = np.diff(starts) / len(by_length)
    lengths = np.clip(
        random.lognormal(np.log(size.median_history), 0.8, size.n_users), 10, 500
    ).astype(np.int64)
    users_per_block = max(1, EVENTS_PER_BLOCK // (2 * size.median_history))
    for first in range(0, size.n_users, users_per_block):
        of_block = lengths[first : first + users_per_block]
        n = int(of_block.sum())
        tastes = random.choice(N_DIRECTIONS, (len(of_block), 3), p=popularity)
        owners = np.repeat(np.arange(len(of_block)), of_block)
        direction = np.where(
            random.random(n) < 0.8,
            tastes[owners, random.integers(0, 3, n)],
            random.choice(N_DIRECTIONS, n, p=popularity),
        )
        of_direction = np.diff(starts)[direction]
        places = starts[direction] + (of_direction * random.random(n) ** 3).astype(np.int64)
        items = by_length[places] + 1
        # Nobody meets an item twice.
        _, kept = np.unique(owners * (len(by_length) + 1) + items, return_index=True)
        days = random.exponential(60, n)
        is_positive = random.random(n) < 0.75
        yield pa.record_batch(
            {
                "user_key": (first + owners[kept] + 1).astype(np.int32),
                "item_key": items[kept].astype(np.int32),
                "is_positive": is_positive[kept],
                # In whole seconds.
                "days": np.round(days[kept] * 86400) / 86400,
            }
        )


def _write_catalogue(
    connection: duckdb.DuckDBPyConnection, directions: np.ndarray, size: Size
) -> None:
    """Items with categories, a tag and a brand; people with what makes their segment."""
    keys = np.arange(1, len(directions) + 1)
    connection.register(
        "drawn_directions",
        pa.table({"item_key": keys.astype(np.int32), "direction": directions.astype(np.int32)}),
    )
    connection.execute(f"""
        create table inputs.items as
            select
                item_key,
                'i' || item_key as item_id,
                'Item ' || item_key as title,
                {CUTOFF} - to_days(cast(1 + hash(item_key) % 10000 as integer)) as available_from,
                true as is_available,
                json_object('direction', direction) as extra
            from drawn_directions;
        create table inputs.item_attributes as
            select item_key, kind, attribute, 1e0 as weight
            from (
                select item_key, 'category' as kind, 'c' || direction // 40 as attribute
                from drawn_directions
                union
                select item_key, 'category', 'c' || direction % 25
                from drawn_directions
                where item_key % 3 = 0
                union all
                select item_key, 'tag', 't' || direction from drawn_directions
                union all
                select item_key, 'brand', 'b' || hash(item_key) % 5000 from drawn_directions
            );
        create table inputs.users as
            select
                cast(nth as integer) as user_key,
                'u' || nth as user_id,
                null::timestamp as signed_up_at,
                ['women', 'men'][1 + nth % 2] as gender,
                ['18–24', '25–34', '35–44', '45–49', '50–55'][
                    1 + cast(hash(nth) % 5 as integer)
                ] as age_group
            from range(1, {size.n_users + 1}) as people (nth);
    """)
    connection.unregister("drawn_directions")


def _neighbors(
    connection: duckdb.DuckDBPyConnection, vectors: np.ndarray, directions: np.ndarray, size: Size
) -> Iterator[pa.RecordBatch]:
    """Lead each liked item to the nearest of the best liked ones of its direction."""
    likes = np.zeros(len(directions), dtype=np.int64)
    counted = connection.execute(
        "select item_key, count(*) as n from drawn.events where is_positive group by item_key"
    ).fetchnumpy()
    likes[counted["item_key"] - 1] = counted["n"]
    order = np.lexsort((-likes, directions))
    starts = np.searchsorted(directions[order], np.arange(N_DIRECTIONS + 1))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for direction in range(N_DIRECTIONS):
        items = order[starts[direction] : starts[direction + 1]]
        items = items[likes[items] > 0]
        among = items[:NEIGHBORS_AMONG]
        k = min(size.n_neighbors, len(among) - 1)
        if k < 1:
            continue
        for first in range(0, len(items), ITEMS_PER_BLOCK):
            block = items[first : first + ITEMS_PER_BLOCK]
            cosines = unit[block] @ unit[among].T
            cosines[block[:, None] == among[None, :]] = -np.inf
            nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            found = np.take_along_axis(cosines, nearest, 1)
            order_of = np.argsort(-found, axis=1, kind="stable")
            nearest = np.take_along_axis(nearest, order_of, 1)
            found = np.take_along_axis(found, order_of, 1)
            yield pa.record_batch(
                {
                    "item_key": np.repeat(block + 1, k).astype(np.int32),
                    "neighbor_item_key": (among[nearest] + 1).ravel().astype(np.int32),
                    "score": ((1 + found) / 2).ravel().astype(np.float64),
                    "rank": np.tile(np.arange(1, k + 1, dtype=np.int32), len(block)),
                }
            )


def _write_parameters(connection: duckdb.DuckDBPyConnection) -> None:
    """What the vars of the project say, its features, and what reasons are made of."""
    its = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    parameters = {name: its[name] for name in VARS} | {
        "has_event_times": True,
        "sources": SOURCES,
        "vector_sources": ["als"],
        "histories": {
            "cooccurrence": [its["cooccurrence_history"], its["cooccurrence_history_decay"]]
        },
        "exploration_places": [10, 20],
        "events_until": None,
    }
    rows = [(name, json.dumps(value)) for name, value in parameters.items()]
    connection.execute(
        "create table recommendations.serving_parameters (name varchar, value varchar)"
    )
    connection.executemany("insert into recommendations.serving_parameters values ($1, $2)", rows)
    features = pa.Table.from_pylist(declared_features())
    connection.register("declared", features)
    connection.execute("create table features.feature_definitions as from declared")
    connection.unregister("declared")
    connection.execute(
        "create table seeds.reason_templates as from read_csv($1, header = true)",
        [str(PROJECT / "seeds" / "reason_templates.csv")],
    )


def declared_features() -> list[dict]:
    """List what the yml of the feature models declares, as ``feature_definitions`` does."""
    features = []
    for path, prefix in FEATURE_MODELS.items():
        [model] = yaml.safe_load((PROJECT / "models" / f"{path}.yml").read_text())["models"]
        for column in model["columns"]:
            feature = column.get("config", {}).get("meta", {}).get("feature")
            if feature is not None:
                features.append(
                    {
                        "feature": prefix + column["name"],
                        "feature_model": model["name"],
                        "column_name": column["name"],
                        "type": feature["type"],
                        "monotone": feature.get("monotone", 0),
                        "description": column["description"],
                    }
                )
    return features


def _write_vectors(connection: duckdb.DuckDBPyConnection, vectors: np.ndarray, size: Size) -> None:
    """The vectors of items as they were drawn, of people as ALS makes them of their likes.

    Beside longer vectors the penalty of ALS is nothing, and folding in turns people away from what
    all items have in common, as no fit does: there it is as large as the Gram matrix of the items.
    """
    rows = connection.execute(
        "select user_key - 1 as user, item_key - 1 as item, weight from folds.user_items"
        " where is_positive order by all"
    ).fetchnumpy()
    likes = csr_matrix(
        (rows["weight"].astype(np.float32), (rows["user"], rows["item"])),
        shape=(size.n_users, size.n_items),
    )
    als = ALS(ALSParameters(factors=size.dimensions))
    n_rows = len(np.unique(rows["user"])) + len(np.unique(rows["item"]))
    its = als.parameters
    als.penalty_ = its.regularization * 2 * its.alpha * float(likes.sum()) / n_rows
    largest = np.linalg.eigvalsh(vectors.T @ vectors)[-1]
    vectors *= np.float32(np.sqrt(als.penalty_ / (PENALTY * largest)))
    als.item_factors_ = vectors
    people = als.fold_in(likes)

    def batches() -> Iterator[pa.RecordBatch]:
        for entity, matrix in (("item", vectors), ("user", people)):
            for first in range(0, len(matrix), 100_000):
                block = matrix[first : first + 100_000]
                keys = np.arange(first + 1, first + 1 + len(block), dtype=np.int32)
                flat = pa.array(block.ravel())
                lists = pa.FixedSizeListArray.from_arrays(flat, size.dimensions)
                yield pa.record_batch(
                    {"entity": [entity] * len(block), "key": keys, "vector": lists}
                )

    _insert(
        connection,
        "candidates.vectors",
        batches(),
        "'live' as fold, 'als' as source, entity, key, cast(vector as float[]) as vector",
    )


def _teach(folder: Path, size: Size) -> None:
    """Fit the ranker on what the service finds for some people, and let it serve.

    What they like is made up: a random sum of all features, each as monotone as it is declared to
    be, and chance.
    """
    run = Run(folder)
    engine = Engine(run, RecentEvents())
    engine.warm_up()
    columnar = Columnar(
        run.feature_definitions, {"user_segment": [segment for segment, _ in run.segments]}
    )
    ranker = Ranker("lightgbm", columnar, LightGBMRanker.scores, None)
    random = np.random.default_rng(2)
    blocks = []
    users = list(run.user_keys)
    for user_id in users[:: max(1, len(users) // size.n_taught)]:
        person = person_of(run, user_id, [])
        event = engine._like(run.item_ids[int(person.met[0])])
        person = after(run, person, [event])
        found = engine.candidates(person)
        blocks.append(features_of(run, ranker, person, found.pool, found.vectors))
    features, categories = (np.concatenate(its) for its in zip(*blocks, strict=True))
    groups = np.repeat(np.arange(len(blocks)), [len(its) for its, _ in blocks])
    # What is missing counts as the mean.
    is_missing = np.isnan(features)
    means = np.nan_to_num(features).sum(axis=0) / np.maximum(1, (~is_missing).sum(axis=0))
    known = np.where(is_missing, means, features)
    spread = known.std(axis=0)
    scaled = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1)
    weights = random.normal(size=features.shape[1])
    monotone = columnar.monotone[: len(weights)]
    weights = np.where(monotone == 0, weights, monotone * np.abs(weights))
    liking = scaled @ weights + 2 * random.logistic(size=len(scaled))
    labels = np.zeros(len(liking), dtype=bool)
    for group in range(len(blocks)):
        rows = np.flatnonzero(groups == group)
        labels[rows[np.argsort(-liking[rows], kind="stable")[:25]]] = True
    model = LightGBMRanker(LightGBMParameters(max_trees=size.n_trees), columnar.monotone)
    model.fit(features, categories, labels, groups)
    artifact = {"model": model.to_text(), "vocabularies": columnar.vocabularies}
    (folder / "serving" / "ranker.json").write_text(json.dumps(artifact))
    path = folder / "serving" / "parameters.json"
    parameters = json.loads(path.read_text()) | {"ranker": "lightgbm"}
    path.write_text(json.dumps(parameters, indent=2, sort_keys=True) + "\n")
