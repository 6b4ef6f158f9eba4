"""This project beside others, on one machine in one run: seconds, CPU seconds and peak memory.

``make bench-scale DATA=data/ml-25m`` reads a folder in the form of ml-25m (ratings.csv, movies.csv)
and runs, each in a process of its own:

- ``als``: a script of pandas and implicit, and our models, to the same table: the items that nobody
  has met yet, for everybody.
- ``cooccurrence``: our item_neighbors, a self-join in Polars on the same window, whose rows must be
  the same, and implicit's CosineRecommender, which knows no window.
- ``pipeline``: popular, ALS and their metrics, by RecTools and by us, with the lines to write.
- ``evaluation``: our user_accuracy, RecTools and ranx on the same lists: those of ALS in the
  pipeline, its users repeated until there are as many as asked for. The means must be equal.

What others would write stands in tests/benchmarks/rivals, with the vars that we need for the same.
Their libraries are in an environment of its own. Rows also go to target/benchmarks/scale.json.
Ratios within one run are what counts: absolute times are the machine's.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import duckdb
import psutil
import yaml
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from ingest import ROOT, seconds_of_models  # noqa: E402
from metrics import copied  # noqa: E402

RIVALS = Path(__file__).parent / "rivals"
OUTPUT = ROOT / "target" / "benchmarks" / "scale.json"
VARS = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
PARTS = ("als", "cooccurrence", "pipeline", "evaluation")
NEIGHBORS = ("item_pairs", "item_neighbors")
# Where seconds are of the work alone, but CPU seconds of the process.
NOT_COMPARED = {("cpu_seconds", "cooccurrence"), ("cpu_seconds", "evaluation")}
VERSIONS = (
    "import json, sys; from importlib.metadata import version;"
    " print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
)
# RecTools and ranx divide average precision by all that there is to be found, also where that is
# more than k.
MEANS = """
    with n_relevant as (
        select user_key, count(*) as n from evaluation.positive_weights group by user_key
    ),
    means as (
        select k, avg(recall) as recall, avg(precision) as precision, avg(hit_rate) as hit_rate,
            avg(ndcg) as ndcg, avg(map * least(k, n) / n) as map, avg(mrr) as mrr
        from evaluation.user_accuracy inner join n_relevant using (user_key)
        group by k
    )
    select metric || '@' || k, value from (unpivot means on columns(* exclude (k)) into
        name metric value value)
"""
LISTS = """
    copy (select user_key as user_id, item_key as item_id, rank from evaluation.ranked_lists)
    to '{file}'
"""
POSITIVES = """
    copy (select user_key as user_id, item_key as item_id from evaluation.positive_weights)
    to '{file}'
"""
# place: 1 is the newest like of a user.
LIKES = """
    copy (
        select user_key as user_id, item_key as item_id, recency_rank as place
        from folds.user_items where is_positive
    ) to '{file}'
"""
DIFFERENT_NEIGHBORS = """
    select count(*)
    from candidates.item_neighbors as ours
    full join read_parquet($1) as theirs
        on ours.item_key = theirs.item_id and ours.neighbor_item_key = theirs.neighbor_id
    where ours.weight is distinct from theirs.weight
"""


@dataclass
class Row:
    """What one process did."""

    part: str
    data: str
    by: str
    seconds: float
    """Of the process, or of the work alone in cooccurrence and evaluation."""
    cpu_seconds: float
    """Of the process, all of it: what other work on the machine changes least. Ours begin with the
    start of dbt, so where seconds are of the work alone, they are not compared."""
    gigabytes: float
    """Peak resident memory of the process."""
    rows: int | None = None
    lines: int | None = None
    """To write, without comments and blank ones."""
    models: dict[str, float] = field(default_factory=dict)
    """Seconds of each of our models."""


class StoppedError(Exception):
    """A process failed, or results that must be equal are not."""


def measured(command: list[str], **environment: str) -> tuple[float, float, float, str]:
    """Run a command.

    Returns
    -------
    tuple
        Its seconds, its CPU seconds, its peak gigabytes, and what it printed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        output.seek(0)
        printed = output.read()
    if status:
        ended = f"{' '.join(command)} ended with {process.returncode}"
        raise StoppedError(f"{printed[-4000:]}\n{ended}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, printed


def apart(work: Callable, *arguments: object) -> object:
    """Work in another process: a child's peak memory is at least what this one ever needed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def asked(database: Path, query: str, parameters: tuple) -> list[tuple]:
    """Ask a database that was built."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set enable_progress_bar = false")
        return connection.execute(query, parameters).fetchall()


def lines_of(file: Path) -> int:
    """Lines to write: without comments, docstrings and blank ones."""
    text = re.sub(r'""".*?"""', "", file.read_text(), flags=re.DOTALL)
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") for line in text.split("\n")
    )


class Project:
    """Our project on one data set, in a folder of its own."""

    def __init__(self, folder: Path, data: Path, name: str, **more: object) -> None:
        self.folder = folder / f"{name}-{data.name}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "foryou.duckdb"
        self.vars = yaml.safe_load((RIVALS / f"foryou_{name}.yml").read_text())
        link = self.folder / self.vars["dataset"]
        link.unlink(missing_ok=True)
        link.symlink_to(data.resolve())
        self.vars |= {"data_dir": str(self.folder), "event_log": None} | more

    def dbt(self, *command: str) -> tuple[float, float, float, dict[str, float]]:
        """Run dbt; its seconds, CPU seconds, peak gigabytes and the seconds of each model."""
        dbt = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *command]
        dbt += ["--project-dir", "dbt_project", "--vars", yaml.safe_dump(self.vars)]
        dbt += ["--target-path", f"{self.folder}/target", "--log-path", f"{self.folder}/logs"]
        *cost, _ = measured(dbt, FORYOU_DATABASE=str(self.database))
        return *cost, dict(seconds_of_models(self.folder))

    def parsed(self) -> "Project":
        """Start from no database, but with a project that dbt has read: as on any later night."""
        self.dbt("parse")
        self.database.unlink(missing_ok=True)
        return self

    def ask(self, query: str, *parameters: object) -> list[tuple]:
        """Ask what was built."""
        return apart(asked, self.database, query, parameters)


class Bench:
    """The parts, one method each, which gives its rows: others first, we last."""

    def __init__(self, folder: Path, python: str, k: int, n_lists: int) -> None:
        self.folder, self.python, self.k, self.n_lists = folder, python, k, n_lists

    def rival(self, part: str, data: str, script: str, *arguments: object) -> tuple[Row, dict]:
        """Run a script of others; the second value is what it printed last, as JSON."""
        # What foryou has, too, is run as foryou has it.
        python = sys.executable if script.startswith("implicit") else self.python
        *cost, printed = measured([python, str(RIVALS / script), *map(str, arguments)])
        last = printed.strip().rpartition("\n")[2]
        result = json.loads(last) if last.startswith("{") else {}
        row = Row(part, data, script.removesuffix(".py"), *cost)
        row.seconds = result.get("seconds", row.seconds)
        row.rows, row.lines = result.get("rows"), lines_of(RIVALS / script)
        return row, result

    def als(self, data: Path) -> list[Row]:
        """From the file to k items for everybody, as a table."""
        theirs, result = self.rival(
            "als", data.name, "implicit_als.py", data, self.k, self.folder / "als.parquet"
        )
        project = Project(self.folder, data, "als", candidates_k=self.k).parsed()
        *cost, models = project.dbt("run", "--select", "+vector_candidates")
        [(n_rows, n_users)] = project.ask(
            "select count(*), count(distinct user_key) from candidates.vector_candidates"
        )
        if n_users != result["users"]:
            raise StoppedError(f"als: lists of {n_users} users, the script's of {result['users']}")
        lines = lines_of(RIVALS / "foryou_als.yml") + 1
        return [theirs, Row("als", data.name, "foryou", *cost, n_rows, lines, models)]

    def cooccurrence(self, data: Path) -> list[Row]:
        """From likes to neighbours of each item."""
        project = Project(self.folder, data, "cooccurrence").parsed()
        project.dbt("run", "--select", "+item_neighbors", "--exclude", *NEIGHBORS)
        likes, joined = self.folder / "likes.parquet", self.folder / "joined.parquet"
        project.ask(LIKES.format(file=likes))
        n_neighbors = VARS["cooccurrence_neighbors"]
        cosine, _ = self.rival("cooccurrence", data.name, "implicit_cosine.py", likes, n_neighbors)
        polars, _ = self.rival(
            "cooccurrence",
            data.name,
            "polars_cooccurrence.py",
            *(likes, joined, VARS["cooccurrence_window"], VARS["cooccurrence_shrinkage"]),
            n_neighbors,
        )
        _, *cost, models = project.dbt("run", "--select", *NEIGHBORS)
        [(n_rows,)] = project.ask("select count(*) from candidates.item_neighbors")
        [(n_different,)] = project.ask(DIFFERENT_NEIGHBORS, str(joined))
        if n_different:
            raise StoppedError(f"cooccurrence: {n_different} pairs are not those of Polars")
        seconds = sum(models[name] for name in NEIGHBORS)
        ours = Row("cooccurrence", data.name, "foryou", seconds, *cost, n_rows, models=models)
        return [cosine, polars, ours]

    def pipeline(self, data: Path) -> list[Row]:
        """From the file to the metrics of popular and ALS."""
        theirs, _ = self.rival("pipeline", data.name, "rectools_pipeline.py", data)
        project = Project(self.folder, data, "pipeline").parsed()
        *cost, models = project.dbt(
            *("build", "--exclude-resource-types", "test", "unit_test", "--select", "+metrics")
        )
        [(n_rows,)] = project.ask("select count(*) from evaluation.ranked_lists")
        # The command, and the query that shows the metrics.
        lines = lines_of(RIVALS / "foryou_pipeline.yml") + 2
        return [theirs, Row("pipeline", data.name, "foryou", *cost, n_rows, lines, models)]

    def evaluation(self, data: Path) -> list[Row]:
        """From lists to means; what was built in the pipeline must still be there."""
        project = Project(self.folder, data, "pipeline")
        place = self.folder / "evaluation"
        place.mkdir(exist_ok=True)
        fold = project.vars["folds"][0]
        project.database = apart(copied, project.database, fold, place, self.n_lists, ["als"])
        files = place / "lists.parquet", place / "positives.parquet"
        for file, query in zip(files, (LISTS, POSITIVES), strict=True):
            project.ask(query.format(file=file))
        [(n_users,)] = project.ask(
            "select count(*) from evaluation.evaluated_users where segment_kind = 'all'"
        )
        named = f"{n_users:,} lists"
        rivals = [
            self.rival("evaluation", named, script, *files, *VARS["metric_ks"])
            for script in ("ranx_metrics.py", "rectools_metrics.py")
        ]
        _, *cost, models = project.dbt("run", "--select", "user_accuracy")
        ours = dict(project.ask(MEANS))
        for row, result in rivals:
            if result["values"].keys() != ours.keys():
                raise StoppedError(f"evaluation: {row.by} has other metrics")
            for name, value in result["values"].items():
                if abs(value - ours[name]) > 1e-6:
                    raise StoppedError(
                        f"evaluation: {name} is {value} by {row.by}, {ours[name]} by us"
                    )
        seconds = models["user_accuracy"]
        return [row for row, _ in rivals] + [
            Row("evaluation", named, "foryou", seconds, *cost, models=models)
        ]


def size_of(data: Path) -> dict[str, int]:
    """Ratings, users and items of a data set."""
    duckdb.execute("set enable_progress_bar = false")
    [counts] = duckdb.execute(
        'select count(*), count(distinct "userId"), count(distinct "movieId") from read_csv($1)',
        [str(data / "ratings.csv")],
    ).fetchall()
    return dict(zip(("ratings", "users", "items"), counts, strict=True))


def versions_of(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of what is compared."""
    return json.loads(
        subprocess.run(
            [python, "-c", VERSIONS, *packages], capture_output=True, check=True, text=True
        ).stdout
    )


def printed(rows: list[Row], console: Console) -> None:
    """Print one table of all rows: ratios are of our figure over theirs."""
    ours = {(row.part, row.data): row for row in rows if row.by == "foryou"}
    table = Table("part", "data", "by")
    for column in ("s", "ratio", "CPU s", "ratio", "GB", "ratio", "rows", "lines"):
        table.add_column(column, justify="right")
    for row in rows:
        us = ours[row.part, row.data]
        cells = []
        for name, digits in (("seconds", 1), ("cpu_seconds", 1), ("gigabytes", 2)):
            of_us, of_row = getattr(us, name), getattr(row, name)
            is_compared = row is not us and (name, row.part) not in NOT_COMPARED
            cells += [f"{of_row:.{digits}f}", f"{of_us / of_row:.2f}" if is_compared else ""]
        cells += [f"{row.rows:,}" if row.rows else "", str(row.lines or "")]
        table.add_row(row.part, row.data, row.by, *cells)
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run the parts, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path, help="a folder in the form of ml-25m")
    parser.add_argument(
        "--pipeline-data",
        type=Path,
        nargs="*",
        help="folders for the parts pipeline and evaluation, which takes the last; else the same",
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--k", type=int, default=VARS["candidates_k"], help="items, in als")
    parser.add_argument("--lists", type=int, default=160_000, help="lists, in evaluation")
    parser.add_argument("--python", default=str(ROOT / ".venv-bench" / "bin" / "python"))
    parser.add_argument("--folder", type=Path, help="keep what was built here")
    options = parser.parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    smaller = options.pipeline_data or [options.data]
    work = {"als": [options.data], "cooccurrence": [options.data]}
    work |= {"pipeline": smaller, "evaluation": smaller[-1:]}
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(options.folder or Path(temporary), options.python, options.k, options.lists)
        bench.folder.mkdir(parents=True, exist_ok=True)
        result = {
            "machine": {
                "cores": os.cpu_count(),
                "gigabytes": round(psutil.virtual_memory().total / 1e9, 1),
                "platform": platform.platform(),
                "load": os.getloadavg()[0],
            },
            "memory_limit": os.environ.get("FORYOU_MEMORY_LIMIT", "2GB"),
            "versions": versions_of(sys.executable, ("dbt-core", "duckdb", "implicit", "pandas"))
            | versions_of(options.python, ("polars", "ranx", "rectools")),
            "data": {data.name: apart(size_of, data) for data in {options.data, *smaller}},
        }
        rows = []
        try:
            for part in PARTS:
                for data in work[part] if part in options.parts else []:
                    console.print(f"{part}, {data.name} …")
                    rows += getattr(bench, part)(data)
        except StoppedError as error:
            print(error, file=sys.stderr)
            return 1
    console.print(json.dumps(result, indent=2))
    printed(rows, console)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    result["rows"] = [asdict(row) for row in rows]
    OUTPUT.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
