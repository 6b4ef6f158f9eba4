"""What a build made, as files that applications and BI tools read: all of it, or what was before.

``make publish`` writes the tables of a build that passed as Parquet under
``exports/published/<run id>/``, with a manifest of what they hold, a DuckDB file for BI tools,
the item vectors as FAISS indexes, and arrays for the online service; then one switch makes it
``exports/published/current``. Until then, and if it is killed at any point, ``current`` is what it
was. ``--to`` sends it on to servers, see ``exports.targets``.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
from tqdm import tqdm

from exports.files import to_disk
from exports.serving.artifacts import write as write_artifacts
from exports.targets import TARGETS, send_to_all
from exports.vector_index import AUTO, TYPES, IndexParameters, write_indexes
from exports.warehouse import database_path, open_to_read

PUBLISHED = Path("exports/published")
# Fold → the moment at which its features were known: its cutoff. Only a fold that is cut by time
# has learned all that was before; two that end at the same one say the same. Where events have no
# times, live is as of the build.
MOMENTS = """
    select
        folds.fold,
        coalesce(folds.cutoff_at, runs.ran_at) as cutoff_at,
        runs.run_id
    from folds.folds
    inner join builds.runs on runs.run_id = getvariable('run_id')
    where folds.split = 'live' or (folds.split = 'time' and folds.cutoff_at is not null)
    qualify row_number() over (
        partition by coalesce(folds.cutoff_at, runs.ran_at)
        order by folds.split = 'live' desc, folds.fold
    ) = 1
"""


def history(entity: str) -> str:
    """Query the declared features of ``user`` or ``item`` as they were known at each moment."""
    return f"""
        select
            columns(
                lambda c:
                    c in ('{entity}_id', 'cutoff_at', 'run_id')
                    or list_contains(
                        getvariable('declared'), '{entity}_features category ' || c
                    )
            ),
            cast(columns(
                lambda c: list_contains(
                    getvariable('declared'), '{entity}_features numeric ' || c
                )
            ) as double)
        from (
            select entities.{entity}_id, moments.cutoff_at, moments.run_id, features.*
            from features.{entity}_features as features
            inner join ({MOMENTS}) as moments using (fold)
            inner join inputs.{entity}s as entities using ({entity}_key)
        )
        order by cutoff_at, {entity}_id
    """


# Name → what it is. Everything is in the owner's ids, and of the fold live where there are folds,
# but for the histories: those have a row for each moment, and of the columns those that the
# variable `declared` calls features.
TABLES = {
    "recommendations": """
        select user_id, rank, item_id, title, score, source, slot, reason, reason_item_id
        from recommendations.recommendations
        where fold = 'live'
        order by user_id, rank
    """,
    "similar_items": "from recommendations.similar_items order by item_id, rank",
    "cold_start_recommendations": """
        from recommendations.cold_start_recommendations order by all
    """,
    "items": """
        select item_id, item_key, title, available_from, is_available, extra
        from inputs.items
        order by item_key
    """,
    "item_attributes": """
        select items.item_id, attributes.kind, attributes.attribute, attributes.weight
        from inputs.item_attributes as attributes
        inner join inputs.items as items using (item_key)
        order by all
    """,
    "users": "select user_id, user_key, signed_up_at from inputs.users order by user_key",
    "user_items": """
        select users.user_id, items.item_id, met.* exclude (fold, user_key, item_key)
        from folds.user_items as met
        inner join inputs.users as users using (user_key)
        inner join inputs.items as items using (item_key)
        where met.fold = 'live'
        order by users.user_key, items.item_key
    """,
    "user_features": """
        select users.user_id, features.* exclude (fold, user_key)
        from features.user_features as features
        inner join inputs.users as users using (user_key)
        where features.fold = 'live'
        order by features.user_key
    """,
    "item_features": """
        select items.item_id, features.* exclude (fold, item_key)
        from features.item_features as features
        inner join inputs.items as items using (item_key)
        where features.fold = 'live'
        order by features.item_key
    """,
    "user_feature_history": history("user"),
    "item_feature_history": history("item"),
    "feature_definitions": "from features.feature_definitions order by feature",
    "vectors": """
        select
            vectors.source,
            vectors.entity,
            coalesce(users.user_id, items.item_id) as id,
            vectors.vector
        from candidates.vectors as vectors
        left join inputs.users as users on vectors.entity = 'user' and vectors.key = users.user_key
        left join inputs.items as items on vectors.entity = 'item' and vectors.key = items.item_key
        where vectors.fold = 'live'
        order by vectors.source, vectors.entity, vectors.key
    """,
    "recommendation_audit": """
        select * exclude (fold)
        from recommendations.recommendation_audit
        where fold = 'live'
        order by user_id, step, rank_after, item_id
    """,
    "metrics": "from evaluation.metrics order by all",
    "metric_comparisons": "from evaluation.metric_comparisons order by all",
    "metrics_history": "from evaluation.metrics_history order by all",
    "segment_gaps": "from evaluation.segment_gaps order by all",
    "item_exposure": "from evaluation.item_exposure order by all",
    "candidate_overlap": "from evaluation.candidate_overlap order by all",
    "list_churn": "from evaluation.list_churn order by all",
    "quality_gates": "from evaluation.quality_gates order by all",
    "ranker_choice": "from ranking.ranker_choice order by all",
    "feature_importance": "from ranking.feature_importance order by all",
    "experiment_results": "from experiments.experiment_results order by all",
    "experiment_checks": "from experiments.experiment_checks order by all",
    "off_policy_estimates": "from experiments.off_policy_estimates order by all",
    "input_profile": "from inputs.input_profile order by all",
    # All that came with a time, by day: gaps, and how old the newest is.
    "events_by_day": """
        select
            input,
            kind,
            cast(happened_at as date) as day,
            count(*) as n_rows,
            max(happened_at) as last_at
        from (
            select 'interactions' as input, event_type as kind, occurred_at as happened_at
            from inputs.interactions
            union all
            select 'impressions', placement, shown_at from inputs.impressions
            union all
            select 'experiment_assignments', experiment, assigned_at
            from inputs.experiment_assignments
            union all
            select 'survey_answers', null, answered_at from inputs.survey_answers
            union all
            select 'users', null, signed_up_at from inputs.users
            union all
            select 'items', null, available_from from inputs.items
        )
        where happened_at is not null
        group by input, kind, day
        order by all
    """,
    # Refused rows themselves stay in the warehouse: they hold whatever came.
    "rejected_reasons": """
        select reason, source_file, count(*) as n_rows, min(source_row) as first_source_row
        from inputs.rejected_interactions
        group by reason, source_file
        order by all
    """,
    "folds": "from folds.folds order by all",
    "runs": "from builds.runs order by ran_at",
    "run_results": """
        from builds.run_results
        where run_id = getvariable('run_id')
        order by all
    """,
}
# Not there where nothing makes them: vars turn their models off.
OPTIONAL = {"vectors"}


class NotPublishedError(Exception):
    """A build that cannot be published, and why."""


@dataclass(frozen=True)
class Run:
    """The last run of dbt, as the warehouse remembers it."""

    run_id: str
    command: str
    n_failed: int | None
    """None: it did not come to its end."""


def last_run(connection: duckdb.DuckDBPyConnection) -> Run:
    """Tell what dbt did last.

    Raises
    ------
    NotPublishedError
        When it did nothing here, or something that is no build, or it failed.
    """
    try:
        row = connection.execute(
            "select run_id, command, n_failed from builds.runs order by ran_at desc limit 1"
        ).fetchone()
    except duckdb.CatalogException:
        row = None
    if row is None:
        raise NotPublishedError("nothing was built here yet; `make build` does")
    run = Run(*row)
    if run.command != "build":
        raise NotPublishedError(
            f"the last run of dbt was `dbt {run.command}`, which tests not all; run `dbt build`"
        )
    if run.n_failed is None:
        raise NotPublishedError("the last build did not come to its end; build again")
    if run.n_failed:
        raise NotPublishedError(
            f"{run.n_failed} models or tests of the last build failed; mend them and build again"
        )
    return run


def publish(
    database: Path,
    into: Path = PUBLISHED,
    keep: int = 5,
    indexes: IndexParameters = IndexParameters(),  # noqa: B008 (it is frozen)
) -> Path:
    """Publish what the last build made.

    Parameters
    ----------
    database : Path
        The warehouse; only read.
    into : Path
        The folder of all that was published.
    keep : int
        How many runs stay, the newest.
    indexes : IndexParameters
        How the item vectors are indexed. A run that is published already stays as it is.

    Returns
    -------
    Path
        The folder of this run.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    NotPublishedError
        When the last run was no build that passed.
    OSError
        When the disk is full or not to be written to; ``current`` is as it was.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, is {keep}")
    with open_to_read(database) as connection:
        run = last_run(connection)
        into.mkdir(parents=True, exist_ok=True)
        for leftover in into.glob(".partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in [*into.glob(".current-*"), *into.glob(".foryou-*")]:
            leftover.unlink()
        folder = into / run.run_id
        if not folder.exists():
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=into))
            try:
                current = into / "current"
                previous = current.resolve() if current.exists() else None
                _write(connection, run, partial, previous, indexes)
                partial.chmod(0o755)
                os.replace(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    _switch(folder, into)
    _prune(into, keep)
    return folder


def _write(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    folder: Path,
    previous: Path | None,
    indexes: IndexParameters,
) -> None:
    there = {
        f"{schema}.{table}"
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    connection.execute("set variable run_id = $1", [run.run_id])
    connection.execute("""
        set variable declared = (
            select list(concat_ws(' ', feature_model, type, column_name))
            from features.feature_definitions
        )
    """)
    tables = {}
    wanted = {
        name: query
        for name, query in TABLES.items()
        if name not in OPTIONAL or f"candidates.{name}" in there
    }
    bi = folder / "foryou.duckdb"
    with duckdb.connect(str(bi)) as reports:
        for name, query in tqdm(wanted.items(), desc="publish", disable=None, leave=False):
            file = folder / f"{name}.parquet"
            relation = connection.sql(query)
            relation.write_parquet(str(file), compression="zstd")
            checksum = to_disk(file)
            reports.execute(f"create table {name} as from read_parquet($1)", [str(file)])
            tables[name] = {
                "file": file.name,
                "n_rows": reports.execute(f"select count(*) from {name}").fetchone()[0],
                "n_bytes": file.stat().st_size,
                "sha256": checksum,
                "columns": dict(zip(relation.columns, map(str, relation.types), strict=True)),
            }
    to_disk(bi)
    built = connection.execute(
        "select dataset, data_fingerprint, commit, vars from evaluation.metrics_history"
        " where run_id = $1 limit 1",
        [run.run_id],
    ).fetchone() or (None, None, None, None)
    manifest = {
        "run_id": run.run_id,
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": built[0],
        "data_fingerprint": built[1],
        "commit": built[2],
        "vars": json.loads(built[3]) if built[3] else None,
        "versions": {name: version(name) for name in ("duckdb", "faiss-cpu", "pyarrow")},
        "tables": tables,
        "indexes": (
            write_indexes(connection, folder, previous, indexes) if "vectors" in wanted else {}
        ),
    }
    serving = folder / "serving"
    serving.mkdir()
    write_artifacts(connection, serving)
    manifest["serving"] = {
        str(path.relative_to(folder)): {"n_bytes": path.stat().st_size, "sha256": to_disk(path)}
        for path in sorted(serving.rglob("*"))
        if path.is_file()
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    to_disk(path)


def _switch(folder: Path, into: Path) -> None:
    """Make a run the current one, in one step; the file of BI tools after it."""
    link = into / f".current-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    os.replace(link, into / "current")
    copy = into / f".foryou-{os.getpid()}.duckdb"
    shutil.copyfile(folder / "foryou.duckdb", copy)
    os.replace(copy, into / "foryou.duckdb")


def _prune(into: Path, keep: int) -> None:
    current = (into / "current").resolve()
    runs = sorted(
        (path for path in into.iterdir() if path.is_dir() and (path / "manifest.json").exists()),
        key=lambda path: json.loads((path / "manifest.json").read_text())["published_at"],
        reverse=True,
    )
    others = [path for path in runs if not path.is_symlink() and path.resolve() != current]
    for path in others[keep - 1 :]:
        shutil.rmtree(path)


def main() -> int:
    """Publish from the database that FORYOU_DATABASE names, and send it on; 0, or 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--into", type=Path, default=PUBLISHED)
    parser.add_argument("--keep", type=int, default=5, help="runs that stay, the newest")
    parser.add_argument(
        "--index-type",
        choices=(AUTO, *TYPES),
        default=IndexParameters.index_type,
        help="how item vectors are indexed; auto: flat up to a size, ivf above it",
    )
    parser.add_argument(
        "--exact-up-to",
        type=int,
        default=IndexParameters.exact_up_to,
        help="that size, in items",
    )
    parser.add_argument(
        "--recall-target",
        type=float,
        default=IndexParameters.recall_target,
        help="how much of the true top 500 an index must find, from 0 to 1",
    )
    parser.add_argument(
        "--to", action="append", choices=TARGETS, default=[], help="send it on; may be repeated"
    )
    options = parser.parse_args()
    try:
        indexes = IndexParameters(options.index_type, options.exact_up_to, options.recall_target)
        folder = publish(database_path(), options.into, options.keep, indexes)
    except (NotPublishedError, ValueError, OSError, duckdb.Error) as error:
        print(f"foryou: not published: {error}", file=sys.stderr)
        return 1
    print(f"{folder} is published")
    return send_to_all(folder, options.to)


if __name__ == "__main__":
    sys.exit(main())
