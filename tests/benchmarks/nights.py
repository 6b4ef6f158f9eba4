"""Nights: what is lost where a build only folds in what is new, and what time that saves.

``python tests/benchmarks/nights.py data/ml-100k --nights 14 --share 0.005`` takes the default data,
whose nights in truth bring as many events, or a folder in the form of ``ml-25m``. The last events
are cut into as many nights of equally many events (``--share`` of all each), a night a day by the
clock of the build (`as_of`). Two warehouses follow them: one builds with ``refit: weekly``, so that
it folds in on most nights, the other makes everything anew each night. After each night the list
that each would serve is measured on what its people came to like in the next ``--ahead`` nights and
had not met.

It prints seconds and NDCG@10 of each night and writes ``target/benchmarks/nights.json``: the mean
difference of the two with a 95 % interval (Student's t) over people, who count once each, with the
mean of their nights. Who has no list on a night, since nobody knew them, is not measured then.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from exports.connections import quoted  # noqa: E402

OUTPUT = ROOT / "target" / "benchmarks" / "nights.json"
K = 10
CONFIDENCE = 0.95
# Nights are days of a calendar that has room for the real times of all events before.
FIRST_NIGHT = "2030-01-01"

# A file that a data set has → its ratings and its films.
FORMS = {
    "ratings.csv": {
        "ratings": """
            select "userId" as user_id, "movieId" as item_id, rating, timestamp
            from read_csv($folder || '/ratings.csv')
        """,
        "movies": """
            select "movieId" as item_id, title, string_split(genres, '|') as genres
            from read_csv($folder || '/movies.csv')
        """,
    },
    "MovieLens100k_data.parquet.brotli": {
        "ratings": """
            select user_id, movie_id as item_id, rating, timestamp
            from read_parquet($folder || '/MovieLens100k_data.parquet.brotli')
        """,
        "movies": """
            select movie_id as item_id, movie_title as title, list(genre order by genre) as genres
            from (
                -- Genres are the columns in capitals, but for IMDb_URL.
                unpivot (from read_parquet($folder || '/MovieLens100k_items.parquet.brotli'))
                on columns('^[A-Z][^M]') into name genre value is_of
            )
            where is_of = 1
            group by all
        """,
    },
}
# Events in the order in which they came; $share of them a night, the last $nights times.
SLICES = """
    create table events as
    with numbered as (
        select
            *,
            row_number() over (order by timestamp, user_id, item_id) as nth,
            count(*) over () as n
        from ratings
    )
    select
        user_id, item_id, rating, to_timestamp(timestamp)::timestamp as occurred_at,
        greatest(0, cast(ceil((nth - n * (1 - $share * $nights)) / (n * $share)) as integer))
            as night
    from numbered
"""
ITEMS = """
    select
        item_id, title,
        try_cast(regexp_extract(title, '\\((\\d{4})\\)$', 1) || '-01-01' as timestamp)
            as available_from
    from movies
"""
CATEGORIES = "select item_id, unnest(genres) as category from movies"
# NDCG of the lists of a night on what their people like in the nights after it.
NDCG = """
    with likes as (
        select distinct user_id::varchar as user_id, item_id::varchar as item_id
        from events
        where night > $night and night <= $night + $ahead and rating >= 4
        except
        select user_id::varchar, item_id::varchar from events where night <= $night
    ),
    lists as (
        select user_id, item_id, rank
        from built.recommendations.recommendations
        where fold = 'live' and rank <= $k
    ),
    n_likes as (
        select user_id, count(*) as n
        from likes
        where user_id in (select user_id from lists)
        group by user_id
    ),
    gains as (
        select user_id, sum(1 / log2(rank + 1)) as gain
        from lists semi join likes using (user_id, item_id)
        group by user_id
    )
    select
        user_id,
        coalesce(gain, 0) / list_sum([1 / log2(place + 1) for place in range(1, 1 + least(n, $k))])
    from n_likes left join gains using (user_id)
"""


def variables(folder: Path, night: int, refit: str, more: dict) -> dict:
    """The vars that a build of a night is made with."""
    as_of = np.datetime64(FIRST_NIGHT) + night
    return {
        "dataset": "custom",
        "refit": refit,
        "as_of": str(as_of),
        "custom": {
            "interactions": {
                "file": str(folder / "events" / "*.parquet"),
                "columns": {
                    "user_id": "user_id",
                    "item_id": "item_id",
                    "value": "rating",
                    "occurred_at": "occurred_at",
                },
                "constants": {"event_type": "rating"},
            },
            "items": {
                "file": str(folder / "items.parquet"),
                "columns": {name: name for name in ("item_id", "title", "available_from")},
            },
            "item_attributes": {
                "file": str(folder / "categories.parquet"),
                "columns": {"item_id": "item_id", "attribute": "category"},
                "constants": {"kind": "category"},
            },
        },
    } | more


def build(folder: Path, database: Path, its_variables: dict) -> float:
    """Build without tests; how many seconds it took."""
    started = time.monotonic()
    result = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"),
            *("--exclude-resource-types", "test", "unit_test", "--project-dir", "dbt_project"),
            *("--target-path", str(folder / f"target-{database.stem}")),
            *("--log-path", str(folder / "logs"), "--vars", yaml.safe_dump(its_variables)),
        ],
        cwd=ROOT,
        env=os.environ | {"FORYOU_DATABASE": str(database)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(result.stdout[-4000:])
    return time.monotonic() - started


def cut(data: Path, folder: Path, nights: int, share: float) -> duckdb.DuckDBPyConnection:
    """Write the events of each night into a file that is not read yet, and the catalogue."""
    connection = duckdb.connect()
    form = next((FORMS[file] for file in FORMS if (data / file).exists()), None)
    if form is None:
        raise SystemExit(f"{data} holds none of {', '.join(FORMS)}: name the folder of a data set")
    for name, query in form.items():
        connection.sql(query, params={"folder": str(data)}).create(name)
    connection.execute(SLICES, {"share": share, "nights": nights})
    for name, query in {"items": ITEMS, "categories": CATEGORIES}.items():
        connection.sql(query).write_parquet(str(folder / f"{name}.parquet"))
    (folder / "events").mkdir()
    (folder / "to_come").mkdir()
    for night in range(nights + 1):
        connection.sql(
            "select * exclude (night) from events where night = $night order by all",
            params={"night": night},
        ).write_parquet(str(folder / "to_come" / f"{night:02}.parquet"))
    return connection


def follow(data: Path, folder: Path, options: argparse.Namespace) -> dict:
    """Build each night both ways, and measure."""
    more = yaml.safe_load(options.vars) or {}
    connection = cut(data, folder, options.nights, options.share)
    rows, of_people = [], {}
    for night in range(options.nights + 1):
        name = f"{night:02}.parquet"
        (folder / "to_come" / name).rename(folder / "events" / name)
        row = {"night": night}
        for refit in ("weekly", "nightly"):
            database = folder / f"{refit}.duckdb"
            row[f"{refit}_seconds"] = build(folder, database, variables(folder, night, refit, more))
            connection.execute(f"attach {quoted(str(database))} as built (read_only)")
            [(row[f"{refit}_is_refit"],)] = connection.sql(
                "select arg_max(is_refit, ran_at) from built.builds.runs"
            ).fetchall()
            found = dict(
                connection.execute(
                    NDCG, {"night": night, "ahead": options.ahead, "k": K}
                ).fetchall()
            )
            connection.execute("detach built")
            row[f"{refit}_ndcg"] = float(np.mean(list(found.values()))) if found else None
            row["n_people"] = len(found)
            # The first night is the same for both, and after the last nobody is left to measure.
            if 0 < night < options.nights:
                for person, ndcg in found.items():
                    of_people.setdefault(person, {}).setdefault(refit, []).append(ndcg)
        rows.append(row)
        print(row, flush=True)
    differences = np.array(
        [np.mean(its["weekly"]) - np.mean(its["nightly"]) for its in of_people.values()]
    )
    mean, half = float(differences.mean()), float("nan")
    if len(differences) > 1:
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(differences) - 1)) * float(
            differences.std(ddof=1) / np.sqrt(len(differences))
        )
    folded = [row for row in rows[1:] if not row["weekly_is_refit"]]
    return {
        "data": data.name,
        "share": options.share,
        "ahead": options.ahead,
        "vars": more,
        "nights": rows,
        "n_people": len(differences),
        "ndcg_difference": mean,
        "ci": [mean - half, mean + half],
        "seconds_of_full_build": float(np.median([row["nightly_seconds"] for row in rows])),
        "seconds_of_fold_in": float(np.median([row["weekly_seconds"] for row in folded])),
    }


def show(result: dict) -> None:
    """Print what a run found."""
    table = Table("night", "people", "weekly", "s", f"NDCG@{K}", "nightly s", f"NDCG@{K}")
    for row in result["nights"]:
        table.add_row(
            str(row["night"]),
            str(row["n_people"]),
            "refit" if row["weekly_is_refit"] else "fold in",
            f"{row['weekly_seconds']:.0f}",
            "" if row["weekly_ndcg"] is None else f"{row['weekly_ndcg']:.4f}",
            f"{row['nightly_seconds']:.0f}",
            "" if row["nightly_ndcg"] is None else f"{row['nightly_ndcg']:.4f}",
        )
    Console().print(table)
    low, high = result["ci"]
    share = result["seconds_of_fold_in"] / result["seconds_of_full_build"]
    print(
        f"NDCG@{K}, weekly less nightly, {result['n_people']} people: "
        f"{result['ndcg_difference']:+.4f} [{low:+.4f}, {high:+.4f}]; a night that folds in takes "
        f"{share:.2f} of a full build"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="data/ml-100k, or a folder like ml-25m")
    parser.add_argument("--nights", type=int, default=14)
    parser.add_argument("--share", type=float, default=0.002, help="events of a night, of all")
    parser.add_argument("--ahead", type=int, default=3, help="nights that are measured on")
    parser.add_argument("--vars", default="{}", help="more vars, in YAML")
    parser.add_argument("--folder", type=Path, help="where to work, and what to leave there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        result = follow(options.data, folder, options)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


if __name__ == "__main__":
    main()
