"""New people and new items: how good are the lists for those of whom nothing is known?

``python tests/benchmarks/cold_start.py --dataset ml-1m ml-100k`` runs the whole DAG in temporary
databases, prints tables and writes ``target/benchmarks/cold_start.json``. Three parts, all on the
fold holdout (``--fold tune`` to choose vars), each against the same users' own figures:

survey
    Who has no history is asked for three categories. They are made from a half of the person's
    test likes, drawn by a hash: those liked most above what people liked before the cutoff (in
    standard deviations). All that the person did with the asked half is dropped, the answers are
    dated a second before the cutoff, and the lists are measured on the other half. As few people
    are new in some data sets, a fifth of the others who have test likes, drawn by a hash, lose all
    events before the cutoff; they are reported as "made new". ``--likes 5`` lets them have the
    first five likes of the asked half before the cutoff as well: when do likes say more than
    answers?
items
    A fifth of the items, drawn by a hash, lose all events before the cutoff, and stay in the
    catalogue. Of the test likes on them that are available: how many are among the first k, and who
    finds one, against a list drawn from all available items that the user has not met. Of that the
    lift is the ratio. Beside it: the share of the lists that is hidden items, and how much likelier
    a hidden item is on the list of somebody who came to like it than any hidden item is there.
warm_up
    The data as it is: the served list against what trends, by number of events before the cutoff.

Differences are of the same users, with the 95 % interval of Student's t. Only the measured fold is
built, so no ranker is trained on an earlier one: say ``--vars 'folds: [tune, holdout]'`` for that.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from scipy import stats

ROOT = Path(__file__).parents[2]
VARS = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
OUTPUT = ROOT / "target" / "benchmarks" / "cold_start.json"
PARTS = ("survey", "items", "warm_up")
SOURCES = ["popular", "trending", "popular_in_segment", "content", "cooccurrence", "als"]
SURVEYED = ("survey", "popular_in_segment", "trending", "final")
PLACED = ("content", "two_tower", "final")
# The kind of attribute that is asked for, and how many of it.
KIND, N_ANSWERS = "category", 3
# Shares that are drawn: test likes that answers are made of, people made new, items hidden.
ASKED, MADE_NEW, HIDDEN = 0.5, 0.2, 0.2
CONFIDENCE = 0.95

# What the benchmark changes, as it came out of staging.
INPUTS = """
    create table interactions as
    select user_id, item_id, event_type, value, occurred_at, is_positive, source_file, source_row
    from built.inputs.interactions
    inner join built.inputs.users using (user_key)
    inner join built.inputs.items using (item_key);

    create table items as
    select item_id, title, is_available, available_from from built.inputs.items;

    create table item_attributes as
    select item_id, kind, attribute, weight
    from built.inputs.item_attributes inner join built.inputs.items using (item_key);

    create table user_attributes as
    select user_id, kind, attribute
    from built.inputs.user_attributes inner join built.inputs.users using (user_key);

    create macro draw(what, id) as
        md5_number_lower(concat_ws(chr(31), what, id)) / 18446744073709551616.0;
"""
# $cutoff and $until bound the test part.
NEWCOMERS = """
    create table newcomers as
    select
        user_id,
        case when min(occurred_at) >= $cutoff then 'new' else 'made new' end as who
    from interactions
    group by user_id
    having
        min(occurred_at) >= $cutoff
        or (
            draw('newcomer', user_id) < $made_new
            and count(*) filter (
                where is_positive and occurred_at >= $cutoff and occurred_at < $until
            ) > 0
        )
"""
ASKED_LIKES = """
    create table asked_likes as
    select
        interactions.*,
        row_number() over (
            partition by user_id order by occurred_at, source_file, source_row
        ) as nth
    from interactions
    semi join newcomers using (user_id)
    where
        is_positive and occurred_at >= $cutoff and occurred_at < $until
        and draw('asked', concat_ws(chr(31), user_id, item_id)) < $asked
"""
ANSWERS = """
    create table survey_answers as
    with known_likes as (
        select item_id from interactions anti join newcomers using (user_id)
        where is_positive and occurred_at < $cutoff
    ),
    expected as (
        select attribute, count(*) / (select count(*) from known_likes) as share
        from known_likes inner join item_attributes using (item_id)
        where kind = $kind
        group by attribute
    ),
    asked as (
        select user_id, count(*) as n_likes from asked_likes group by user_id
    ),
    liked as (
        select user_id, attribute, count(*) as n_likes
        from asked_likes inner join item_attributes using (item_id)
        where kind = $kind
        group by user_id, attribute
    )
    select
        user_id, $kind as kind, attribute as answer,
        cast($cutoff as timestamp) - interval 1 second as answered_at
    from liked
    inner join asked using (user_id)
    inner join expected using (attribute)
    where share < 1
    qualify row_number() over (
        partition by user_id
        order by
            (liked.n_likes - asked.n_likes * share)
            / sqrt(asked.n_likes * share * (1 - share)) desc,
            attribute
    ) <= $n_answers
"""
# What is left of the log: of newcomers the half that was not asked, and $likes of the other, which
# are dated to the minutes before the cutoff.
SURVEY_LOG = """
    select user_id, item_id, event_type, value, occurred_at
    from (
        select interactions.* from interactions anti join newcomers using (user_id)
        union all
        select interactions.* from interactions semi join newcomers using (user_id)
        where
            occurred_at >= $cutoff
            and draw('asked', concat_ws(chr(31), user_id, item_id)) >= $asked
        union all
        select
            * exclude (nth)
            replace (
                cast($cutoff as timestamp) - to_minutes(cast($likes + 1 - nth as bigint))
                as occurred_at
            )
        from asked_likes where nth <= $likes
    )
    order by source_file, source_row
"""
HIDDEN_ITEMS = """
    create table hidden as select item_id from items where draw('hidden', item_id) < $hidden
"""
ITEMS_LOG = """
    select user_id, item_id, event_type, value, occurred_at
    from interactions
    where occurred_at >= $cutoff or item_id not in (select item_id from hidden)
    order by source_file, source_row
"""
ACCURACY = """
    select newcomers.who, model, k, ndcg, recall
    from built.evaluation.user_accuracy
    inner join built.inputs.users using (user_key)
    inner join newcomers using (user_id)
    where fold = $fold and user_id in (select user_id from survey_answers)
    order by user_id
"""
# A row for each list that could hold a hidden item which the user came to like.
FOUND = """
    with hidden_keys as (
        select item_key from built.inputs.items semi join hidden using (item_id)
    ),
    available as (
        select item_key from built.folds.fold_items where fold = $fold
    ),
    likes as (
        select user_key, item_key
        from built.folds.test_positives
        semi join (select user_key from built.folds.fold_users where fold = $fold) using (user_key)
        semi join hidden_keys using (item_key)
        semi join available using (item_key)
        where fold = $fold
    ),
    met as (
        select user_key, count(*) as n_met
        from built.folds.user_items semi join available using (item_key)
        where fold = $fold
        group by user_key
    ),
    lists as (
        select source as model, user_key, item_key, rank
        from built.candidates.candidates where fold = $fold and source in $models
        union all
        select 'final' as model, user_key, item_key, rank
        from built.recommendations.user_lists where fold = $fold
    ),
    users as (
        select user_key, count(*) as n_likes, coalesce(any_value(n_met), 0) as n_met
        from likes left join met using (user_key)
        group by user_key
    ),
    shown as (
        select
            model, user_key, count(*) as n_shown,
            count(*) filter (where item_key in (from hidden_keys)) as n_hidden,
            count(likes.item_key) as n_hits
        from lists
        left join likes using (user_key, item_key)
        where rank <= $k
        group by model, user_key
    )
    select
        users.n_met > 0 as has_history,
        users.n_likes,
        (select count(*) from available) - users.n_met as n_available,
        (select count(*) from available semi join hidden_keys using (item_key))
            as n_hidden_available,
        coalesce(shown.n_shown, 0) as n_shown,
        coalesce(shown.n_hidden, 0) as n_hidden,
        coalesce(shown.n_hits, 0) as n_hits
    from users
    left join shown on users.user_key = shown.user_key and shown.model = $model
    order by users.user_key
"""
WARM_UP = """
    select
        segment,
        final.ndcg,
        trending.ndcg
    from evaluation.evaluated_users as users
    inner join evaluation.user_metrics as final
        on users.fold = final.fold and users.user_key = final.user_key
    inner join evaluation.user_metrics as trending
        on users.fold = trending.fold and users.user_key = trending.user_key
    where
        users.fold = $fold and segment_kind = 'n_events'
        and final.model = 'final' and final.k = 10
        and trending.model = 'trending' and trending.k = 10
    order by users.user_key
"""


def build(folder: Path, variables: dict, *selected: str) -> Path:
    """Build a part of the DAG, without its tests, in a database of its own; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", "dbt_project", "--target-path", f"{folder}/target"]
    command += ["--log-path", f"{folder}/logs", "--vars", yaml.safe_dump(variables)]
    command += ["--exclude-resource-types", "test", "unit_test", "--select", *selected]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"FORYOU_DATABASE": f"{folder}/warehouse.duckdb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        raise SystemExit(result.stdout)
    return folder / "warehouse.duckdb"


def mean_and_interval(values: Iterable[float]) -> tuple[float, float | None, float | None]:
    """Mean, and the bounds of its interval; none of one value alone."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), None, None
    # Where all are alike scipy divides by zero.
    if np.ptp(values) == 0:
        return (float(values[0]),) * 3
    interval = stats.ttest_1samp(values, 0).confidence_interval(CONFIDENCE)
    return float(values.mean()), float(interval.low), float(interval.high)


def compared(values: Iterable[float], with_values: Iterable[float]) -> dict:
    """The mean over users, and how far above that of another list of theirs it is."""
    values, with_values = np.asarray(values), np.asarray(with_values)
    difference, low, high = mean_and_interval(values - with_values)
    return {
        "value": float(values.mean()),
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
    }


def cutoffs(connection: duckdb.DuckDBPyConnection, variables: dict) -> dict[str, str]:
    """Both cutoffs as times, so that they stay where they are when events go."""
    times = {}
    for name in ("tune_cutoff", "holdout_cutoff"):
        cutoff = variables.get(name, VARS[name])
        if not isinstance(cutoff, str):
            query = "select quantile_disc(occurred_at, $share) from interactions"
            [cutoff] = connection.execute(query, {"share": cutoff}).fetchone()
        times[name] = str(cutoff)
    return times


def write_inputs(
    connection: duckdb.DuckDBPyConnection, folder: Path, entities: dict[str, tuple[str, dict]]
) -> dict:
    """Write each entity's query as Parquet; return the dbt vars that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for entity, (query, parameters) in entities.items():
        file = folder / f"{entity}.parquet"
        relation = connection.sql(query, params=parameters)
        relation.write_parquet(str(file))
        mapping[entity] = {"file": str(file), "columns": {name: name for name in relation.columns}}
    return {"dataset": "custom", "custom": mapping}


def catalogue(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, dict]]:
    """The inputs that stay as they are; those without a row are left out."""
    return {
        name: (f"from {name}", {})
        for name in ("items", "item_attributes", "user_attributes")
        if connection.execute(f"select count(*) from {name}").fetchone() != (0,)
    }


def used(query: str, parameters: dict) -> dict:
    """The parameters that a query names: DuckDB refuses others."""
    return {name: value for name, value in parameters.items() if f"${name}" in query}


# ---------- the three parts ----------


def survey(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    variables: dict,
    parameters: dict,
) -> list[dict]:
    """New people with three answers, against what trends."""
    for query in (NEWCOMERS, ASKED_LIKES, ANSWERS):
        connection.execute(query, used(query, parameters))
    entities = {
        "interactions": (SURVEY_LOG, used(SURVEY_LOG, parameters)),
        "survey_answers": ("from survey_answers order by all", {}),
    }
    inputs = write_inputs(connection, folder, entities | catalogue(connection))
    chosen = {"sources": [*SOURCES, "survey"]} | variables | inputs
    database = build(folder, chosen, "+user_accuracy")
    connection.execute(f"attach '{database}' as built (read_only)")
    query = connection.execute(ACCURACY, {"fold": parameters["fold"]})
    values = {}
    for who, model, k, ndcg, recall in query.fetchall():
        for metric, value in (("ndcg", ndcg), ("recall", recall)):
            values.setdefault((who, metric, k, model), []).append(value)
    connection.execute("detach built")
    return [
        {"who": who, "model": model, "metric": metric, "k": k, "n_users": len(users)}
        | {"versus": "trending"}
        | compared(users, values[who, metric, k, "trending"])
        for (who, metric, k, model), users in sorted(values.items())
        if model in SURVEYED and (metric, k) in (("ndcg", 10), ("recall", 20))
    ]


def items(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    variables: dict,
    parameters: dict,
) -> list[dict]:
    """Items that nobody has met, among those that were proposed."""
    connection.execute(HIDDEN_ITEMS, used(HIDDEN_ITEMS, parameters))
    entities = {"interactions": (ITEMS_LOG, used(ITEMS_LOG, parameters))}
    inputs = write_inputs(connection, folder, entities | catalogue(connection))
    chosen = {"sources": [*SOURCES, "two_tower"], "two_tower_epochs": 3} | variables | inputs
    database = build(folder, chosen, "+candidates", "+user_lists")
    connection.execute(f"attach '{database}' as built (read_only)")
    rows = []
    for model in PLACED:
        for k in (20, 500):
            # The list that is served is not that long.
            if model == "final" and k > chosen.get("recommendations_k", VARS["recommendations_k"]):
                continue
            found = connection.execute(
                FOUND,
                {"fold": parameters["fold"], "models": list(PLACED), "model": model, "k": k},
            ).fetchnumpy()
            for who in ("all", "with a history"):
                rows.append(
                    {"who": who, "model": model, "k": k}
                    | lift(
                        found
                        if who == "all"
                        else {name: column[found["has_history"]] for name, column in found.items()},
                        k,
                    )
                )
    connection.execute("detach built")
    return rows


def lift(found: dict[str, np.ndarray], k: int) -> dict:
    """Hits on hidden items against lists that are drawn.

    Parameters
    ----------
    found : dict of arrays
        Of each user: n_likes on hidden items, n_available to draw from and n_hidden_available of
        them, n_hits among the first k, n_shown there, n_hidden of them.
    k : int
        Length of the lists.
    """
    n_likes, n_available, n_hits = found["n_likes"], found["n_available"], found["n_hits"]
    recall, low, high = mean_and_interval(n_hits / n_likes)
    hit_rate, hit_low, hit_high = mean_and_interval(n_hits > 0)
    chance = float(np.mean(np.minimum(k / n_available, 1.0)))
    drawn = np.minimum(k, n_available)
    hit_chance = float(np.mean(stats.hypergeom.sf(0, n_available, n_likes, drawn)))
    n_shown = found["n_shown"].sum()
    any_hidden = float(np.mean(found["n_hidden"] / found["n_hidden_available"]))
    return {
        "n_users": len(n_likes),
        "n_likes": int(n_likes.sum()),
        "hidden_share": float(found["n_hidden"].sum() / n_shown) if n_shown else 0.0,
        "recall": recall,
        "recall_ci_low": low,
        "recall_ci_high": high,
        "recall_chance": chance,
        "recall_lift": recall / chance,
        "any_hidden": any_hidden,
        "lift_over_any_hidden": recall / any_hidden if any_hidden else 0.0,
        "hit_rate": hit_rate,
        "hit_rate_ci_low": hit_low,
        "hit_rate_ci_high": hit_high,
        "hit_rate_chance": hit_chance,
        "hit_rate_lift": hit_rate / hit_chance,
    }


def warm_up(database: Path, fold: str) -> list[dict]:
    """The served list against what trends, by number of events."""
    values = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for segment, final, trending in connection.execute(WARM_UP, {"fold": fold}).fetchall():
            values.setdefault(segment, []).append((final, trending))
    return [
        {"who": segment, "model": "final", "metric": "ndcg", "k": 10, "n_users": len(pairs)}
        | {"versus": "trending", "versus_value": float(np.mean([pair[1] for pair in pairs]))}
        | compared(*zip(*pairs, strict=True))
        for segment, pairs in sorted(
            values.items(), key=lambda pair: int(pair[0].split("–")[0].rstrip("+"))
        )
    ]


# ---------- what is printed ----------


def between(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{low:+.4f} to {high:+.4f}"


def show(console: Console, title: str, part: str, rows: list[dict]) -> None:
    """Print the rows of one part."""
    if part == "items":
        table = Table("who", "model", "k", "users", "likes", title=title)
        columns = "hidden, recall, any, lift, drawn, lift, hit rate, drawn, lift"
        for name in columns.split(", "):
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(
                *(row["who"], row["model"], str(row["k"]), str(row["n_users"])),
                *(str(row["n_likes"]), f"{row['hidden_share']:.3f}"),
                *(f"{row['recall']:.4f}", f"{row['any_hidden']:.4f}"),
                *(f"{row['lift_over_any_hidden']:.2f}", f"{row['recall_chance']:.4f}"),
                *(f"{row['recall_lift']:.2f}", f"{row['hit_rate']:.4f}"),
                *(f"{row['hit_rate_chance']:.4f}", f"{row['hit_rate_lift']:.2f}"),
            )
    else:
        first = "who" if part == "survey" else "events"
        table = Table(first, "users", "model", "metric", title=title)
        for name in ("value", "over trending", "95 % interval"):
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(
                *(row["who"], str(row["n_users"]), row["model"], f"{row['metric']}@{row['k']}"),
                *(f"{row['value']:.4f}", f"{row['difference']:+.4f}"),
                between(row["ci_low"], row["ci_high"]),
            )
    console.print(table)


def measure(dataset: str, folder: Path, options: argparse.Namespace) -> dict[str, list[dict]]:
    """Build what the chosen parts need of one data set; return the rows of each part."""
    variables = {"folds": [options.fold]} | yaml.safe_load(options.vars)
    selected = ["+interactions", "+item_attributes", "+user_attributes", "+folds"]
    if "warm_up" in options.parts:
        selected += ["+user_metrics", "+evaluated_users"]
    database = build(folder / "as it is", variables | {"dataset": dataset}, *selected)
    measured = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{database}' as built (read_only)")
        connection.execute(INPUTS)
        query = "select cutoff_at, test_until_at from built.folds.folds where fold = $fold"
        cutoff, until = connection.execute(query, {"fold": options.fold}).fetchone()
        connection.execute("detach built")
        variables |= cutoffs(connection, variables)
        parameters = {
            "fold": options.fold,
            "cutoff": cutoff,
            "until": until,
            "likes": options.likes,
            "kind": KIND,
            "n_answers": N_ANSWERS,
            "asked": ASKED,
            "made_new": MADE_NEW,
            "hidden": HIDDEN,
        }
        if "survey" in options.parts:
            measured["survey"] = survey(connection, folder / "survey", variables, parameters)
        if "items" in options.parts:
            measured["items"] = items(connection, folder / "items", variables, parameters)
    if "warm_up" in options.parts:
        measured["warm_up"] = warm_up(database, options.fold)
    return measured


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", nargs="+", default=["ml-1m"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--fold", choices=("tune", "holdout"), default="holdout")
    parser.add_argument("--likes", type=int, default=0, help="likes that who is asked has as well")
    parser.add_argument("--vars", default="{}", help="more vars, in YAML")
    parser.add_argument("--folder", help="where the databases go, to be kept")
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=120)
    written = []
    with tempfile.TemporaryDirectory() as temporary:
        for dataset in options.dataset:
            folder = Path(options.folder or temporary).resolve() / dataset
            for part, rows in measure(dataset, folder, options).items():
                show(console, f"{dataset}, {options.fold}: {part}", part, rows)
                about = {"dataset": dataset, "fold": options.fold, "part": part}
                written += [about | row for row in rows]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    print(OUTPUT)


if __name__ == "__main__":
    main()
