"""foryou under published protocols, beside the published figures.

``make bench PROTOCOL=gowalla DATA=folder`` writes the protocol's events as Parquet, runs the real
DAG on them (``dataset: custom``) in a database of its own, and prints what ``evaluation.metrics``
holds beside what others published, with the seconds that each source took. The rows also go to
``target/benchmarks/<protocol>.json``. What a protocol is, and all its parameters, stands in
protocols.yml; what was published, in published.yml. A protocol that asks for the scores of given
pairs, not for lists, calls the functions of models_py that the DAG calls.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / "target" / "benchmarks"
PROTOCOLS = yaml.safe_load((HERE / "protocols.yml").read_text())
PUBLISHED = yaml.safe_load((HERE / "published.yml").read_text())
# The kind of split → the folds that it measures on, for tuning and for the final figure. Where
# events have an order, the protocol leaves out its test part for tuning, and the same folds come
# earlier, so that there is one before them for a ranker to learn in.
FOLDS = {
    "time": ("holdout", "holdout"),
    "leave_one_out": ("loo_holdout", "loo_holdout"),
    "random": ("random_tune", "random_holdout"),
    "predefined": ("predefined_tune", "predefined_holdout"),
}
# What `split` takes from TRAIN and TEST: input column → names that it may have there.
SPLIT_COLUMNS = {
    "user_id": ["user_id"],
    "item_id": ["item_id"],
    "occurred_at": ["occurred_at", "timestamp"],
    "value": ["value", "rating"],
}
# Source → module, class and dataclass of parameters in models_py, for protocols without lists.
LEARNERS = {
    "als": ("models_py.als", "ALS", "ALSParameters"),
    "ease": ("models_py.ease", "EASE", "EASEParameters"),
    "svd": ("models_py.svd", "PureSVD", "SVDParameters"),
}
# The two measures of a rank from 1 that a leave-one-out protocol has.
MEASURES = {
    "hit_rate": lambda ranks, k: ranks <= k,
    "ndcg": lambda ranks, k: np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0),
}
# Which of the cutoffs in the vars a metric asks for.
KINDS = {
    "metric": lambda metric: not metric.startswith("candidate_recall"),
    "candidate_recall": lambda metric: metric.startswith("candidate_recall"),
}


class BenchmarkError(Exception):
    """What is wrong with the command, its data or the build, and what to do."""


# ---------- data ----------


def find(file: str, data: Path, folder: Path) -> Path:
    """Find a file of a data set, unpacked or in the zip of its folder's name.

    Raises
    ------
    BenchmarkError
        When neither is there.
    """
    if (data / file).exists():
        return data / file
    archive = data / f"{Path(file).parts[0]}.zip"
    if archive.exists():
        with zipfile.ZipFile(archive) as opened:
            for member in opened.namelist():
                if Path(member).name == Path(file).name:
                    (folder / Path(file).name).write_bytes(opened.read(member))
                    return folder / Path(file).name
        raise BenchmarkError(f"{archive} holds no {Path(file).name}; put the whole archive there")
    others = f" or {archive.name}" if len(Path(file).parts) > 1 else ""
    raise BenchmarkError(f"{data} has no {file}{others}; put it there, or let DATA name its folder")


def load_split(connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
    """Make the tables train and test of anybody's two Parquet files, under our column names."""
    found = {}
    for part, path in parts.items():
        if not path:
            raise BenchmarkError(f"PROTOCOL=split needs {part.upper()}=…, a Parquet file")
    for part, path in parts.items():
        try:
            columns = connection.read_parquet(path).columns
        except duckdb.Error as error:
            raise BenchmarkError(
                f"{part.upper()}={path} cannot be read as Parquet: {error}"
            ) from None
        found[part] = {
            ours: name for ours, names in SPLIT_COLUMNS.items() for name in names if name in columns
        }
        for column in ("user_id", "item_id"):
            if column not in found[part]:
                raise BenchmarkError(
                    f"{part.upper()}={path} has no column {column}, only {', '.join(columns)}; "
                    "rename the one that holds it"
                )
    for part, path in parts.items():
        # A time of one part alone cannot order events.
        selected = [
            f'"{name}" as {ours}'
            for ours, name in found[part].items()
            if all(ours in columns for columns in found.values())
        ]
        connection.execute(
            f"create table {part} as select {', '.join(selected)} from read_parquet($file)",
            {"file": path},
        )


def prepare(
    protocol: dict, folder: Path, tune: bool, load: Callable[[duckdb.DuckDBPyConnection], None]
) -> dict:
    """Write the protocol's inputs as Parquet; return the dbt vars that read them."""
    variables = {"dataset": "custom", "custom": {}}
    with duckdb.connect() as connection:
        connection.execute(f"set variable tune = {tune}")
        load(connection)
        if "cutoffs" in protocol:
            connection.execute(f"create table cutoffs as {protocol['cutoffs']}")
            cutoffs = connection.table("cutoffs")
            row = connection.execute("from cutoffs").fetchone()
            for name, cutoff in zip(cutoffs.columns, row, strict=True):
                if name.endswith("_cutoff"):
                    variables[name] = str(cutoff)
        for entity, query in protocol["tables"].items():
            file = folder / f"{entity}.parquet"
            connection.execute(f"copy ({query}) to '{file}'")
            columns = connection.read_parquet(str(file)).columns
            variables["custom"][entity] = {
                "file": str(file),
                "columns": {column: column for column in columns},
            }
    return variables


# ---------- the DAG ----------


def run_dag(
    folder: Path, variables: dict, folds: list[str], measured: str, measures: dict[str, str]
) -> list[dict]:
    """Build the metrics of some folds with dbt; return a row per model and metric.

    Parameters
    ----------
    folder : Path
        Where the database, dbt's target and its log go.
    variables : dict
        dbt vars.
    folds : list of str
        Folds to learn.
    measured : str
        The one of them whose metrics are returned.
    measures : dict
        Metric, with its cutoff → SQL for (model, value) in the fold ``$fold``, where a protocol
        has a metric that the DAG has not.

    Returns
    -------
    list of dict
        model, metric (with its cutoff), value, fit_seconds.
    """
    database = folder / "foryou.duckdb"
    for old in folder.glob("foryou.duckdb*"):
        old.unlink()
    # Only what is measured is learned.
    dbt(folder, variables | {"folds": folds}, "--select", "+metrics", "+ann_recall")
    seconds = seconds_of_sources(folder / "target")
    with duckdb.connect(str(database), read_only=True) as connection:
        refused = connection.execute(
            "select reason, count(*) from inputs.rejected_interactions group by reason order by all"
        ).fetchall()
        rows = connection.execute(
            "select model, metric || '@' || k, value from evaluation.metrics"
            " where fold = ? and segment_kind = 'all' order by all",
            [measured],
        ).fetchall()
        for metric, query in measures.items():
            values = connection.execute(query, {"fold": measured}).fetchall()
            rows += [(model, metric, value) for model, value in values]
    for reason, n_rows in refused:
        print(f"{n_rows:,} rows were refused: {reason}", file=sys.stderr)
    if not rows:
        raise BenchmarkError(
            f"the fold {measured} has nothing to find; see folds.test_positives in {database}"
        )
    return [
        {"model": model, "metric": metric, "value": value, "fit_seconds": seconds.get(model)}
        for model, metric, value in rows
    ]


def dbt(folder: Path, variables: dict, *selection: str) -> None:
    """Build a part of the DAG, without its tests, in the protocol's own database."""
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", "dbt_project", "--vars", yaml.safe_dump(variables)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    command += ["--exclude-resource-types", "test", "unit_test", *selection]
    environment = os.environ | {"FORYOU_DATABASE": str(folder / "foryou.duckdb")}
    if subprocess.run(command, cwd=ROOT, env=environment).returncode != 0:
        raise BenchmarkError(f"dbt failed, as printed above; its log is {folder}/logs/dbt.log")


def seconds_of_sources(target: Path) -> dict[str, float]:
    """Seconds of each source in dbt's last run: its candidates, or vectors, and what they alone
    need of models/candidates. Finding the nearest vectors is one model for all, and not counted.
    Of a ranker: learning and ranking, its candidates not counted. All folds that were built."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    seconds = {result["unique_id"]: result["execution_time"] for result in results}

    def models_of(node: str) -> set[str]:
        if node not in nodes or "candidates" not in nodes[node]["fqn"][:-1]:
            return set()
        return {node}.union(*map(models_of, nodes[node]["depends_on"]["nodes"]))

    rankers = {
        ranker: sum(
            seconds.get(f"model.foryou.{ranker}_{part}", 0.0)
            for part in ("fits", "ranked_candidates")
        )
        for ranker in ("blend", "lightgbm", "dlrm")
        if f"model.foryou.{ranker}_ranked_candidates" in seconds
    }
    return rankers | {
        source: sum(seconds.get(model, 0.0) for model in models_of(node))
        for node in seconds
        for source, _, kind in [nodes[node]["name"].rpartition("_")]
        if kind in ("candidates", "vectors") and source != "vector" and models_of(node)
    }


# ---------- ranking given items ----------


def sampled_ranking(
    connection: duckdb.DuckDBPyConnection, sources: dict, metrics: list[str], tune: bool
) -> list[dict]:
    """Rank one positive of each user among sampled negatives, as in the NCF paper.

    With ``tune`` the positive is the latest rating before the one that is left out, the negatives
    are 99 films that the user has not rated, drawn by a hash.
    """
    negatives = (
        "select user_id, list(item_id order by draw)[:99] as items from ("
        " select users.user_id, items.item_id, md5_number_lower(users.user_id || '|' || item_id)"
        " as draw from (select distinct user_id from ratings) as users"
        " cross join (select distinct item_id from ratings) as items"
        " anti join ratings using (user_id, item_id)) group by user_id"
        if tune
        else "select user_id, negative_movie_ids as items from negatives"
    )
    connection.execute(
        "create table train as select ratings.*, ratings.rowid as place from ratings"
        " anti join negatives"
        " on ratings.user_id = negatives.user_id and ratings.item_id = negatives.test_movie_id"
    )
    connection.execute(
        "create table positives as select user_id, "
        + (
            "arg_max(item_id, (occurred_at, place)) as item_id from train group by user_id"
            if tune
            else "test_movie_id as item_id from negatives"
        )
    )
    if tune:
        connection.execute(
            "delete from train using positives where train.user_id ="
            " positives.user_id and train.item_id = positives.item_id"
        )
    users, positives, sampled = (
        connection.execute(
            f"select user_id, positives.item_id, negatives.items from positives"
            f" inner join ({negatives}) as negatives using (user_id) order by user_id"
        )
        .fetchnumpy()
        .values()
    )
    rated = connection.execute("select user_id, item_id from train order by all").fetchnumpy()
    items = connection.execute("select distinct item_id from ratings order by 1").fetchnumpy()
    items = items["item_id"]
    likes = csr_matrix(
        (
            np.ones(len(rated["user_id"]), dtype=np.float32),
            (np.searchsorted(users, rated["user_id"]), np.searchsorted(items, rated["item_id"])),
        ),
        shape=(len(users), len(items)),
    )
    columns = np.searchsorted(
        items, np.column_stack([positives, np.stack([np.asarray(row) for row in sampled])])
    )
    return [
        row
        for source, its in sources.items()
        for row in rank_by(source, its, likes, columns, metrics)
    ]


def rank_by(
    source: str, variables: dict, likes: csr_matrix, columns: np.ndarray, metrics: list[str]
) -> list[dict]:
    """Fit one source and measure where it ranks the first of each row of columns."""
    started = time.perf_counter()
    scores = scorer(source, variables, likes)
    seconds = time.perf_counter() - started
    ranks = ranks_of_first(scores, likes, columns)
    return [
        {
            "model": source,
            "metric": metric,
            "value": mean_of(metric, ranks),
            "fit_seconds": seconds,
        }
        for metric in metrics
    ]


def scorer(source: str, variables: dict, likes: csr_matrix) -> Callable[[csr_matrix], np.ndarray]:
    """Fit a source on likes; return what gives (likes of n users) → scores, shape (n, n_items)."""
    if source == "popular":
        popularity = np.asarray(likes.sum(axis=0)).ravel()
        return lambda rows: np.broadcast_to(popularity, rows.shape)
    if source not in LEARNERS:
        raise BenchmarkError(
            f"SOURCES: {source} has no scores for given pairs; choose from "
            f"{', '.join(['popular', *LEARNERS])}"
        )
    module, learner, parameters = LEARNERS[source]
    module = importlib.import_module(module)
    parameters = getattr(module, parameters)(
        **{name.removeprefix(f"{source}_"): value for name, value in variables.items()}
    )
    return getattr(module, learner)(parameters).fit(likes).scores


def ranks_of_first(
    scores: Callable[[csr_matrix], np.ndarray],
    likes: csr_matrix,
    columns: np.ndarray,
    batch: int = 1000,
) -> np.ndarray:
    """Find the rank of each row's first item among the row's items.

    Parameters
    ----------
    scores : callable
        Likes of some users, a row each → their scores of all items.
    likes : csr_matrix, shape (n_users, n_items)
        What each user likes.
    columns : int array, shape (n_users, m)
        A row a user: the positive, then the negatives.
    batch : int
        Users scored at once.

    Returns
    -------
    int array, shape (n_users,)
        From 1. Of items with the same score the positive comes last.

    Examples
    --------
    >>> nothing = csr_matrix((1, 3))
    >>> scores = lambda rows: np.array([[0.3, 0.1, 0.9]])
    >>> ranks_of_first(scores, nothing, np.array([[0, 1, 2]])).tolist()
    [2]
    """
    ranks = []
    for start in range(0, len(columns), batch):
        rows = slice(start, min(start + batch, len(columns)))
        of_row = np.take_along_axis(np.asarray(scores(likes[rows])), columns[rows], axis=1)
        ranks.append(1 + (of_row[:, 1:] >= of_row[:, :1]).sum(axis=1))
    return np.concatenate(ranks)


def mean_of(metric: str, ranks: np.ndarray) -> float:
    """Mean of a metric over ranks of the only positive of each user.

    Examples
    --------
    >>> mean_of("hit_rate@2", np.array([1, 2, 3, 4]))
    0.5
    """
    name, k = metric.split("@")
    return float(np.mean(MEASURES[name](ranks, int(k))))


# ---------- the whole ----------


def benchmark(options: argparse.Namespace) -> list[dict]:
    """Run a protocol; return its rows, ours first.

    Returns
    -------
    list of dict
        protocol, model, metric, value, published, fit_seconds. What only others have measured
        has no value, and what nobody published is None there.
    """
    if options.protocol not in PROTOCOLS["protocols"]:
        raise BenchmarkError(
            f"PROTOCOL={options.protocol} is unknown; choose from "
            + ", ".join(PROTOCOLS["protocols"])
        )
    protocol = PROTOCOLS["protocols"][options.protocol]
    sources = protocol["sources"]
    if options.sources:
        names = options.sources.replace(",", " ").split()
        sources = {name: protocol["sources"].get(name, {}) for name in names}
    try:
        more = yaml.safe_load(f"{{{options.vars}}}")
    except yaml.YAMLError as error:
        raise BenchmarkError(
            f"VARS={options.vars} is not YAML such as 'als_factors: 32': {error}"
        ) from None
    folder = OUTPUT / options.protocol
    folder.mkdir(parents=True, exist_ok=True)
    metrics = protocol["metrics"]

    def load(connection: duckdb.DuckDBPyConnection) -> None:
        if "data" not in protocol:
            load_split(connection, {"train": options.train, "test": options.test})
            return
        if not options.data or not Path(options.data).is_dir():
            needed = ", ".join(its["file"] for its in protocol["data"].values())
            raise BenchmarkError(
                f"DATA={options.data or ''} is no folder; name the one that holds {needed}, "
                "or the archive of it"
            )
        for table, its in protocol["data"].items():
            file = find(its["file"], Path(options.data), folder)
            connection.execute(f"create table {table} as from {its['read']}", {"file": str(file)})

    if protocol.get("runs") == "sampled_ranking":
        with duckdb.connect() as connection:
            load(connection)
            sources = {
                source: its | {name: more[name] for name in more if name.startswith(f"{source}_")}
                for source, its in sources.items()
            }
            rows = sampled_ranking(connection, sources, metrics, options.tune)
    else:
        if "data" not in protocol:
            metrics = [f"{metric}@{options.k}" for metric in metrics]
        variables = PROTOCOLS["defaults"] | protocol["vars"]
        variables |= protocol.get("tune_vars", {}) if options.tune else {}
        for its in sources.values():
            variables |= its
        weights = protocol.get("blend_weights", {})
        weights = {source: weights.get(source, 1.0) for source in sources}
        # What the protocol's blend leaves out may be all that SOURCES names.
        if not any(weights.values()):
            weights = dict.fromkeys(sources, 1.0)
        variables |= {
            "sources": list(sources),
            "blend_weights": weights,
        }
        variables |= {
            f"{kind}_ks": sorted({int(metric.split("@")[1]) for metric in metrics if ranks(metric)})
            or [10]
            for kind, ranks in KINDS.items()
        }
        variables |= prepare(protocol, folder, options.tune, load) | more
        fold = FOLDS[variables["splits"][0]][0 if options.tune else 1]
        measures = protocol.get("measures", {})
        # A ranker learns in the folds before the one that is measured.
        before = ["tune", *(f"earlier_{n + 1}" for n in range(variables.get("earlier_folds", 0)))]
        learns = set(variables["rankers"]) != {"blend"}
        folds = [fold, *(fold.replace("holdout", name) for name in before if learns)]
        rows = run_dag(folder, variables, protocol.get("folds", folds), fold, measures)
        rows = [row for metric in metrics for row in rows if row["metric"] == metric]
    # On what is kept for tuning nobody has published anything.
    published = [] if options.tune else PUBLISHED.get(options.protocol, [])
    return beside_published(options.protocol, rows, metrics, published)


def beside_published(
    protocol: str, rows: list[dict], metrics: list[str], published: list[dict]
) -> list[dict]:
    """Add to our rows what was published of the same method, and the rows that only others have."""
    ours = {row["model"] for row in rows}
    by_model = {its["ours"]: its for its in published if its.get("ours") in ours}
    merged = [
        {
            "protocol": protocol,
            "model": row["model"],
            "metric": row["metric"],
            "value": row["value"],
            "published": by_model.get(row["model"], {}).get(row["metric"]),
            "fit_seconds": row["fit_seconds"],
        }
        for row in rows
    ]
    return merged + [
        {
            "protocol": protocol,
            "model": its["name"],
            "metric": metric,
            "value": None,
            "published": its[metric],
            "fit_seconds": None,
        }
        for its in published
        for metric in metrics
        if metric in its and its.get("ours") not in ours
    ]


def show(rows: list[dict], console: Console, tune: bool) -> None:
    """Print the rows as one table, a line a model, best last metric first."""
    protocol = rows[0]["protocol"]
    notes = {its["name"]: its.get("is") for its in PUBLISHED.get(protocol, [])}
    names = {its.get("ours"): its["name"] for its in PUBLISHED.get(protocol, [])}
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    title = f"{protocol}: {PROTOCOLS['protocols'][protocol]['says']}"
    if tune:
        title += " (tuning: not on the test part)"
    table = Table(title=title, title_justify="left")
    table.add_column("model", no_wrap=True)
    columns = []
    for metric in metrics:
        columns.append((metric, "value"))
        table.add_column(metric, justify="right")
        if any(row["published"] is not None for row in rows if row["metric"] == metric):
            columns.append((metric, "published"))
            table.add_column("published", justify="right")
    table.add_column("fit, s", justify="right")
    table.add_column("published as")
    models = {}
    for row in rows:
        models.setdefault(row["model"], {})[row["metric"]] = row

    def order(model: str) -> float:
        row = models[model].get(metrics[-1], {})
        return -(row.get("value") or row.get("published") or 0.0)

    for model in sorted(models, key=order):
        rows_of_model = models[model].values()
        is_ours = any(row["value"] is not None for row in rows_of_model)
        name = names.get(model) if is_ours else model
        numbers = [models[model].get(metric, {}).get(key) for metric, key in columns]
        seconds = next(iter(rows_of_model))["fit_seconds"]
        table.add_row(
            model if is_ours else "",
            *("" if number is None else f"{number:.4f}" for number in numbers),
            "" if seconds is None else f"{seconds:.1f}",
            ", ".join(filter(None, (name, notes.get(name)))),
        )
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run a protocol, print its table, write its JSON; 0, or 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("protocol", help=", ".join(PROTOCOLS["protocols"]))
    parser.add_argument("--data", default="", help="folder of the data sets")
    parser.add_argument("--train", default="", help="Parquet file, for the protocol split")
    parser.add_argument("--test", default="", help="Parquet file, for the protocol split")
    parser.add_argument("--k", type=int, default=20, help="cutoff, for the protocol split")
    parser.add_argument("--sources", default="", help="sources to run instead of the protocol's")
    parser.add_argument("--vars", default="", help="more vars, as YAML: 'als_factors: 32'")
    parser.add_argument("--tune", action="store_true", help="measure on what is kept for tuning")
    options = parser.parse_args(arguments)
    try:
        rows = benchmark(options)
    except BenchmarkError as error:
        print(f"foryou: {error}", file=sys.stderr)
        return 1
    file = OUTPUT / f"{options.protocol}{'-tune' * options.tune}.json"
    file.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    show(rows, Console() if sys.stdout.isatty() else Console(width=120), options.tune)
    print(file)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
