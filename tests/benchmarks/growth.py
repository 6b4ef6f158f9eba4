"""What every model takes as the events become more, and how fast that grows.

``python tests/benchmarks/growth.py 1m=a.duckdb 5m=b.duckdb 25m=c.duckdb`` reads what builds of the
same vars say of themselves (``builds.run_results``) and prints a table of seconds, peak memory and
rows of every model at each size, the slowest first: of the last run that made it, for one that was
killed may have been gone on with. Growth is the exponent p of seconds ~ events^p: from the second
largest size to the largest, and fitted over all sizes; above 1.2 (``--limit``) it is marked. Models
of less than a second at every size are one line. The table goes to
``target/benchmarks/growth.md``, all numbers to ``growth.json``.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import numpy as np

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "target" / "benchmarks"
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Taken:
    """What one model, or several, took at one size."""

    seconds: float
    peak_memory_bytes: int | None
    peak_spill_bytes: int | None
    n_rows: int | None = None
    n_bytes: int | None = None


@dataclass(frozen=True)
class Size:
    """A warehouse: how many events it was built from, and what that took."""

    n_events: int
    models: dict[str, Taken]


def read(database: Path) -> Size:
    """Read of every model what it took when it was made last.

    Raises
    ------
    ValueError
        When no model was made.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        models = connection.execute(
            "select name, run_results.duration_seconds, run_results.peak_memory_bytes,"
            " run_results.peak_spill_bytes, n_rows, n_bytes"
            " from builds.run_results inner join builds.runs using (run_id)"
            " where status = 'success' and resource_type = 'model'"
            " qualify row_number() over (partition by node_id order by ran_at desc) = 1"
        ).fetchall()
        if not models:
            raise ValueError(f"{database} has no model that was made")
        [n_events] = connection.execute("select count(*) from inputs.interactions").fetchone()
    return Size(n_events, {name: Taken(*taken) for name, *taken in models})


def exponent(n_events: list[int], seconds: list[float | None]) -> float | None:
    """The p of seconds ~ events^p: the slope of one's logarithm on the other's.

    >>> exponent([10, 100, 1000], [1, 10, 100])
    1.0
    >>> exponent([10, 1000], [2, 20])
    0.5
    >>> exponent([10, 1000], [None, 20]) is None
    True
    """
    points = [point for point in zip(n_events, seconds, strict=True) if point[1]]
    if len({events for events, _ in points}) < 2:
        return None
    slope, _ = np.polyfit(*np.log(np.array(points, dtype=float)).T, deg=1)
    return round(float(slope), 6)


def together(parts: list[Taken]) -> Taken | None:
    """What several models took: seconds and bytes of all, the highest of their peaks."""

    def known(name: str) -> list[int]:
        return [value for part in parts if (value := getattr(part, name)) is not None]

    return parts and Taken(
        sum(known("seconds")),
        max(known("peak_memory_bytes"), default=None),
        max(known("peak_spill_bytes"), default=None),
        sum(known("n_rows")),
        sum(known("n_bytes")),
    )


def growth(sizes: dict[str, Size], limit: float) -> list[dict]:
    """A row for every model, slowest first, then the rest as one, then all of them."""
    ordered = sorted(sizes, key=lambda name: sizes[name].n_events)
    longest: dict[str, float] = {}
    for size in sizes.values():
        for name, taken in size.models.items():
            longest[name] = max(taken.seconds, longest.get(name, 0.0))
    slow = [name for name in longest if longest[name] >= LEAST_SECONDS]
    slow.sort(key=lambda name: (-longest[name], name))
    rest = sorted(longest.keys() - set(slow))

    lines = {name: [sizes[size].models.get(name) for size in ordered] for name in slow}
    lines[f"others ({len(rest)})"] = [
        together([sizes[size].models[name] for name in rest if name in sizes[size].models]) or None
        for size in ordered
    ]
    lines["all models"] = [together(list(sizes[size].models.values())) for size in ordered]

    n_events = [sizes[size].n_events for size in ordered]
    rows = []
    for name, taken in lines.items():
        seconds = [its and its.seconds for its in taken]
        last, overall = exponent(n_events[-2:], seconds[-2:]), exponent(n_events, seconds)
        rows.append(
            {
                "model": name,
                "taken": {
                    size: its and asdict(its) for size, its in zip(ordered, taken, strict=True)
                },
                "exponent_last": last,
                "exponent_overall": overall,
                "is_above_limit": max(last or 0, overall or 0) > limit,
            }
        )
    return rows


def as_markdown(rows: list[dict], sizes: dict[str, Size], limit: float) -> str:
    """The table: seconds at every size, then memory, then rows, then growth."""
    ordered = list(rows[0]["taken"])

    def cells(row: dict, of: str, form: str, scale: float = 1) -> list[str]:
        values = [its and its[of] for its in row["taken"].values()]
        return ["–" if value is None else format(value / scale, form) for value in values]

    def growth_cell(value: float | None) -> str:
        if value is None:
            return "–"
        return f"**{value:.2f}** ▲" if value > limit else f"{value:.2f}"

    header = [
        "model",
        *(f"s, {name}" for name in ordered),
        *(f"GB, {name}" for name in ordered),
        *(f"rows, {name}" for name in ordered),
        *("growth, last two", "growth, all"),
    ]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    lines += [
        [
            row["model"],
            *cells(row, "seconds", ",.1f"),
            *cells(row, "peak_memory_bytes", ",.2f", 1e9),
            *cells(row, "n_rows", ",.0f"),
            *(growth_cell(row["exponent_last"]), growth_cell(row["exponent_overall"])),
        ]
        for row in rows
    ]
    events = ", ".join(f"{name}: {sizes[name].n_events:,} events" for name in ordered)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{events}. ▲: grows faster than events^{limit:g}.\n\n{table}\n"


def main() -> int:
    """Print the table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("warehouses", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--limit", type=float, default=1.2, help="mark what grows faster")
    options = parser.parse_args()
    sizes = {}
    for argument in options.warehouses:
        name, _, path = argument.partition("=")
        if not Path(path).is_file():
            print(f"{argument}: give a name, = and the file of a warehouse", file=sys.stderr)
            return 1
        try:
            sizes[name] = read(Path(path))
        except (ValueError, duckdb.Error) as error:
            print(f"{argument}: {error}", file=sys.stderr)
            return 1
    rows = growth(sizes, options.limit)
    table = as_markdown(rows, sizes, options.limit)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    n_events = {name: size.n_events for name, size in sizes.items()}
    (OUTPUT / "growth.json").write_text(
        json.dumps({"n_events": n_events, "models": rows}, indent=1)
    )
    (OUTPUT / "growth.md").write_text(table, encoding="utf-8")
    print(table, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
