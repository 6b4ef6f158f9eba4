"""Does it matter that the service heeds what was done after the nightly build?

``python tests/benchmarks/realtime.py --dataset ml-1m`` holds out each user's last like (leave one
out, ties as the fold ``loo_holdout`` breaks them) and keeps the user's last n actions before it, of
whatever value, from the build. All is built and published once, and the service is asked in process
for 20 items twice: with nothing posted, which is the nightly list, and with those n actions posted,
each at its own time. What is measured is where the held-out like stands: on the list, in the order
of the ranker, in the pool of candidates and in the list of each source that is asked anew. Prints
tables, and writes ``target/benchmarks/realtime.json``.

The users are drawn into equal groups by a hash of their id, one for each n: 1, 5, 10, and 0, whose
nightly list is what the others are compared with as well, as that of a build that knew all. So one
build is enough, but n differs between users. ``--rotations 4`` builds four times, and a group gets
another n each time: then every user is measured at every n, and the last column is paired, too.

Who had fewer than 20 actions before the last like is not measured and keeps all events. Of those
who are measured nothing at or after the held-out like is in the build or posted. As always in leave
one out, time is each user's own: other people's later events are in the build. The rankers learn on
the fold ``loo_holdout`` of what is left, thus from likes that the build knows.

A fifth of the users, drawn by another hash, is kept for choosing how the service works:
``--validation`` measures on them, and without it they are left out.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from exports.serving.engine import Engine, Request  # noqa: E402
from exports.serving.events import LoggedEvent, RecentEvents  # noqa: E402
from exports.serving.person import Event, Person  # noqa: E402
from exports.serving.pool import lists_without_vectors  # noqa: E402
from exports.serving.run import Run  # noqa: E402
from exports.snapshot import publish  # noqa: E402
from tests.benchmarks.cold_start import (  # noqa: E402
    CONFIDENCE,
    INPUTS,
    build,
    catalogue,
    mean_and_interval,
    write_inputs,
)

OUTPUT = ROOT / "target" / "benchmarks" / "realtime.json"
# How many actions each group of users posts.
POSTED = (0, 1, 5, 10)
# Actions before the held-out like that are needed: twice as many as are ever kept from the build.
LEAST = 20
K, LONG_K = 10, 20
VALIDATION = 0.2
# Explored places change by the day, not by what was done. The event log is not this data's. Rankers
# learn from 3,000 users at most, so no more are needed in the fold they learn from.
VARIABLES = {
    "splits": ["leave_one_out"],
    "folds": ["loo_holdout", "live"],
    "max_candidate_users": 3000,
    "exploration_every": 0,
    "event_log": None,
}

# $rotation shifts the groups by one.
ORDERED = """
    create or replace table ordered as
    with numbered as (
        select
            *,
            row_number() over (
                partition by user_id order by occurred_at, source_file, source_row
            ) as nth
        from interactions
    ),
    held_out as (
        select user_id, max(nth) as held_out_nth
        from numbered
        where is_positive
        group by user_id
        having max(nth) > $least
    )
    select
        numbered.*,
        held_out_nth,
        $posted[
            1 + (cast(floor(draw('realtime', user_id) * len($posted)) as integer) + $rotation)
            % len($posted)
        ] as n_posted,
        draw('validation', user_id) < $validation as is_validation
    from numbered
    left join held_out using (user_id)
"""
LOG = """
    select user_id, item_id, event_type, value, occurred_at
    from ordered
    where held_out_nth is null or nth < held_out_nth - n_posted
    order by source_file, source_row
"""
# What is measured; an item that was met before would not be proposed, and is not looked for.
ASKED = """
    select
        user_id,
        n_posted,
        any_value(item_id) filter (where nth = held_out_nth) as item_id,
        coalesce(list(
            struct_pack(
                item_id := item_id,
                event_type := event_type,
                value := value,
                occurred_at := epoch(occurred_at)
            )
            order by nth
        ) filter (where nth between held_out_nth - n_posted and held_out_nth - 1), []) as actions
    from ordered
    where is_validation = $is_validation and held_out_nth is not null
    group by user_id, n_posted, held_out_nth
    having not list_contains(
        list(item_id) filter (where nth < held_out_nth),
        any_value(item_id) filter (where nth = held_out_nth)
    )
    order by user_id
"""


# ---------- what is asked ----------


def places_of(engine: Engine, person: Person, item: int) -> dict[str, float]:
    """Where an item stands in each source's list, in the pool and in the ranker's order."""
    found = engine.candidates(person)
    k = engine.run.parameters["candidates_k"]
    lists = lists_without_vectors(engine.run, person, k)
    vectors = {source: vector for source, (_, vector) in found.vectors.items()}
    lists |= engine.vector_lists(person, vectors, k)
    ordered = {source: items for source, (items, _) in lists.items()}
    ordered["pool"] = found.pool.items
    ordered["ranked"] = engine.ranked(person, found)[0]
    return {name: place_in(items.tolist(), item) for name, items in ordered.items()}


def place_in(items: list, item: int | str) -> float:
    """Tell the rank of an item; infinite if it is not there."""
    return items.index(item) + 1.0 if item in items else np.inf


def asked(engine: Engine, user_id: str, item_id: str) -> dict:
    """Ask for a user's list; tell where the item stands on it, who served it and how fast."""
    request = Request(user_id, LONG_K)
    started = time.perf_counter()
    answer = engine.recommend(request)
    milliseconds = (time.perf_counter() - started) * 1000
    person = engine.person(request)
    item = engine.run.item_keys[item_id]
    return {
        "served_by": answer.served_by,
        "milliseconds": milliseconds,
        "places": {"list": place_in([its["item_id"] for its in answer.items], item_id)}
        | places_of(engine, person, item),
    }


def measured(engine: Engine, users: list[tuple], title: str) -> list[dict]:
    """Ask for each user's list, before and after the user's actions are posted."""
    rows = []
    users = [its for its in users if its[2] in engine.run.item_keys]
    for user_id, n_posted, item_id, actions in track(users, title):
        before = asked(engine, user_id, item_id)
        engine.events.add(
            LoggedEvent(
                f"{user_id} {nth}",
                Event(
                    user_id,
                    its["item_id"],
                    its["event_type"],
                    its["value"],
                    its["occurred_at"],
                ),
                engine.events.now(),
            )
            for nth, its in enumerate(actions)
        )
        after = asked(engine, user_id, item_id) if actions else before
        rows.append({"user_id": user_id, "n": n_posted, "before": before, "after": after})
    return rows


# ---------- what it comes to ----------

METRICS = {
    f"hit_rate@{K}": lambda places: places <= K,
    f"ndcg@{K}": lambda places: np.where(places <= K, 1 / np.log2(places + 1), 0.0),
    f"hit_rate@{LONG_K}": lambda places: places <= LONG_K,
    f"mrr@{LONG_K}": lambda places: np.where(places <= LONG_K, 1 / places, 0.0),
}


def values(rows: list[dict], when: str, of: str, metric: str) -> np.ndarray:
    """A metric of each user's list; of who has no such list, 0."""
    places = np.array([row[when]["places"].get(of, np.inf) for row in rows])
    return np.asarray(METRICS[metric](places), dtype=float)


def summary(rows: list[dict], of: str) -> list[dict]:
    """One row per n and metric: nightly, posted, their difference, and from knowing all."""
    of_n = {n: [row for row in rows if row["n"] == n] for n in POSTED}
    written = []
    for n in POSTED[1:]:
        for metric in METRICS:
            nightly, posted = (values(of_n[n], when, of, metric) for when in ("before", "after"))
            known = values(of_n[0], "before", of, metric)
            difference, low, high = mean_and_interval(posted - nightly)
            by_user = [{row["user_id"]: at for at, row in enumerate(of_n[its])} for its in (0, n)]
            both = sorted(by_user[0].keys() & by_user[1].keys())
            if both:
                known = known[[by_user[0][user_id] for user_id in both]]
                those = posted[[by_user[1][user_id] for user_id in both]]
                from_known, known_low, known_high = mean_and_interval(those - known)
            else:
                test = stats.ttest_ind(posted, known, equal_var=False)
                interval = test.confidence_interval(CONFIDENCE)
                from_known = float(posted.mean() - known.mean())
                known_low, known_high = float(interval.low), float(interval.high)
            written.append(
                {"of": of, "n": n, "metric": metric, "n_users": len(nightly)}
                | {"nightly": float(nightly.mean()), "posted": float(posted.mean())}
                | {"difference": difference, "ci_low": low, "ci_high": high}
                | {"known": float(known.mean()), "n_users_known": len(known)}
                | {"from_known": from_known, "known_ci_low": known_low, "known_ci_high": known_high}
                | {"is_paired_with_known": bool(both)}
            )
    return written


def served(rows: list[dict]) -> list[dict]:
    """One row per n: by which step, and in how many milliseconds."""
    written = []
    for n in POSTED:
        its = [row for row in rows if row["n"] == n]
        for when in ("before", "after") if n else ("before",):
            milliseconds = [row[when]["milliseconds"] for row in its]
            median, p95 = np.percentile(milliseconds, [50, 95])
            written.append(
                {"of": "answers", "n": n, "is_posted": when == "after", "n_answers": len(its)}
                | {"served_by": dict(Counter(row[when]["served_by"] for row in its))}
                | {"median_ms": float(median), "p95_ms": float(p95)}
            )
    return written


# ---------- what is printed ----------


def between(row: dict, value: str, low: str, high: str) -> str:
    return f"{row[value]:+.4f} [{row[low]:+.4f}, {row[high]:+.4f}]"


def show(console: Console, title: str, rows: list[dict]) -> None:
    """Print quality, then who served, then sources."""
    for of in ("list", None):
        wanted = [
            row
            for row in rows
            if (row["of"] == of if of else row["of"] not in ("list", "answers"))
            and (of or row["metric"] == f"hit_rate@{K}")
        ]
        table = Table("posted", "users", title=f"{title}: {of or 'sources'}")
        if of is None:
            table.add_column("of")
        for name in ("metric", "nightly", "with them", "difference", "known", "from known"):
            table.add_column(name, justify="right")
        for row in wanted:
            table.add_row(
                *(str(row["n"]), str(row["n_users"]), *([row["of"]] if of is None else [])),
                *(row["metric"], f"{row['nightly']:.4f}", f"{row['posted']:.4f}"),
                between(row, "difference", "ci_low", "ci_high"),
                f"{row['known']:.4f}",
                between(row, "from_known", "known_ci_low", "known_ci_high"),
            )
        console.print(table)
    table = Table("n", "posted", "answers", "served by", "median ms", "95 % ms", title=title)
    for row in rows:
        if row["of"] == "answers":
            steps = ", ".join(f"{step} {count}" for step, count in row["served_by"].items())
            table.add_row(
                *(str(row["n"]), "yes" if row["is_posted"] else "no", str(row["n_answers"]), steps),
                *(f"{row['median_ms']:.1f}", f"{row['p95_ms']:.1f}"),
            )
    console.print(table)


def main() -> None:
    """Build, post, ask; print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--rotations", type=int, default=1, choices=(1, len(POSTED)))
    parser.add_argument("--validation", action="store_true", help="measure on what is kept for it")
    parser.add_argument("--vars", default="{}", help="more vars, in YAML")
    parser.add_argument("--folder", help="where builds go, to be kept; one that is there is used")
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=140)
    variables = VARIABLES | yaml.safe_load(options.vars)
    rows = []
    (ROOT / "target").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "target") as temporary,
        duckdb.connect() as connection,
    ):
        folder = Path(options.folder or temporary).resolve() / options.dataset
        as_it_is = folder / "as it is"
        if not (as_it_is / "done").exists():
            selected = ["+interactions", "+item_attributes", "+user_attributes"]
            build(as_it_is, variables | {"dataset": options.dataset}, *selected)
            (as_it_is / "done").touch()
        connection.execute(f"attach '{as_it_is / 'warehouse.duckdb'}' as built (read_only)")
        connection.execute(INPUTS)
        for rotation in range(options.rotations):
            drawn = {"posted": list(POSTED), "least": LEAST, "validation": VALIDATION}
            connection.execute(ORDERED, drawn | {"rotation": rotation})
            published = folder / f"published {rotation}"
            if not (published / "current").exists():
                night = folder / f"night {rotation}"
                entities = {"interactions": (LOG, {})} | catalogue(connection)
                inputs = write_inputs(connection, night, entities)
                database = build(night, variables | inputs, "*")
                publish(database, published)
            engine = Engine(Run((published / "current").resolve()), RecentEvents())
            engine.warm_up()
            users = connection.execute(ASKED, {"is_validation": options.validation}).fetchall()
            rows += measured(engine, users, f"rotation {rotation}")
    names = dict.fromkeys(name for row in rows for name in row["before"]["places"])
    written = [row for of in names for row in summary(rows, of)] + served(rows)
    about = {"dataset": options.dataset, "rotations": options.rotations}
    about |= {"is_validation": options.validation}
    show(console, ", ".join(f"{name} {value}" for name, value in about.items()), written)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([about | row for row in written], indent=2) + "\n")
    print(OUTPUT)


if __name__ == "__main__":
    main()
