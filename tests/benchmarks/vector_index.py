"""Which index serves a large catalogue: time to build, to open and to search, size and recall.

``python tests/benchmarks/vector_index.py`` draws vectors of items and users around common
directions, more of them around some than around others, as factors of ALS are: with lengths of a
power law (``--lengths pareto``), or all of one length, as those of two towers nearly are
(``--lengths one``). Each type of index is built from them, written, and mapped by a new process,
which asks for the top 500 of one user at a time with one thread. FAISS's setting of how much a
search looks at is doubled; the row with a star has the one that ``make publish`` would choose.
Searches and builds are timed by the processor, so that what else runs adds little. Rows go to
``target/benchmarks/vector_index.json``, too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from exports.vector_index import (  # noqa: E402
    FLAT,
    HNSW,
    IVF,
    TYPES,
    IndexParameters,
    fit_index,
    reach_recall,
    sample_of,
)
from models_py.retrieval import share_found  # noqa: E402

OUTPUT = ROOT / "target" / "benchmarks"
N_DIRECTIONS = 1000
SETTINGS = {FLAT: [0], IVF: [64, 128, 256, 512, 1024], HNSW: [512, 1024, 2048, 4096]}


def draw(n_items: int, n_users: int, dimensions: int, lengths: str) -> tuple[np.ndarray, ...]:
    """Vectors of items and of users, shape (n, dimensions), and the direction of each item."""
    random = np.random.default_rng(0)
    # The first dimensions say most, as in a decomposition.
    spread = np.arange(1, dimensions + 1) ** -0.4
    centres = random.normal(size=(N_DIRECTIONS, dimensions)) * spread
    popularity = np.arange(1, N_DIRECTIONS + 1) ** -0.7

    def around(n: int) -> tuple[np.ndarray, np.ndarray]:
        of = random.choice(N_DIRECTIONS, n, p=popularity / popularity.sum())
        vectors = centres[of] + 0.7 * random.normal(size=(n, dimensions)) * spread
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), of

    (items, directions), (users, _) = around(n_items), around(n_users)
    if lengths == "pareto":
        items *= 0.2 * (1 + random.pareto(3, size=(n_items, 1)))
        users *= random.lognormal(0, 0.5, size=(n_users, 1))
    return items.astype(np.float32), users.astype(np.float32), directions


def memory() -> float:
    """What this process holds in memory, mapped files included, in MiB."""
    [line] = [
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
    ]
    return int(line.split()[1]) / 1024


def measure(folder: Path) -> None:
    """Map the index of a folder and search it, as a process of its own; prints rows as JSON."""
    faiss.omp_set_num_threads(1)
    queries, kth = np.load(folder / "queries.npy"), np.load(folder / "kth.npy")
    task = json.loads((folder / "task.json").read_text())
    before, start = memory(), time.perf_counter()
    index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
    opened = {
        "open_ms": 1000 * (time.perf_counter() - start),
        "open_mib": memory() - before,
    }
    rows = []
    for setting in task["settings"]:
        if task["type"] == IVF:
            index.nprobe = setting
        elif task["type"] == HNSW:
            index.hnsw.efSearch = setting
        # Once to have the file's pages in memory.
        scores, _ = index.search(queries, task["k"])
        times = []
        for row in range(len(queries)):
            start = time.thread_time()
            index.search(queries[row : row + 1], task["k"])
            times.append(1000 * (time.thread_time() - start))
        p50, p99 = np.percentile(times, [50, 99])
        row = {"setting": setting, "recall": share_found(scores, kth), "p50_ms": p50}
        rows.append(row | {"p99_ms": p99} | opened)
    print(json.dumps(rows))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--lengths", choices=("pareto", "one"), default="pareto")
    parser.add_argument("--types", nargs="+", choices=TYPES, default=TYPES)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    parameters = IndexParameters()
    items, users, _ = draw(options.items, parameters.n_queries, options.dimensions, options.lengths)
    sample = sample_of(items, users, parameters)
    rows = []
    for kind in tqdm(options.types, disable=None, leave=False):
        start = time.process_time()
        index = fit_index(kind, items)
        seconds = time.process_time() - start
        settings, chosen = SETTINGS[kind], 0
        if kind != FLAT and reach_recall(index, kind, sample, parameters.recall_target) >= (
            parameters.recall_target
        ):
            chosen = index.nprobe if kind == IVF else index.hnsw.efSearch
            settings = sorted({*settings, chosen})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            faiss.write_index(index, str(folder / "index.faiss"))
            np.save(folder / "queries.npy", sample.queries)
            np.save(folder / "kth.npy", sample.kth)
            task = {"type": kind, "settings": settings, "k": sample.k}
            (folder / "task.json").write_text(json.dumps(task))
            del index
            result = subprocess.run(
                [sys.executable, __file__, "--measure", name],
                check=True,
                capture_output=True,
                text=True,
            )
            mib = (folder / "index.faiss").stat().st_size / 2**20
        for row in json.loads(result.stdout):
            row |= {"type": kind, "build_s": seconds, "mib": mib}
            rows.append(row | {"is_chosen": bool(chosen) and row["setting"] == chosen})
    title = f"{options.items:,} × {options.dimensions}, lengths: {options.lengths}, top {sample.k}"
    table = Table("type", title=title)
    for header in (
        "setting",
        "recall",
        "p50 ms",
        "p99 ms",
        "build s",
        "MiB",
        "open ms",
        "open MiB",
    ):
        table.add_column(header, justify="right")
    for row in rows:
        table.add_row(
            row["type"],
            f"{row['setting'] or 'all'}{' *' if row['is_chosen'] else ''}",
            f"{row['recall']:.3f}",
            *(f"{row[name]:.2f}" for name in ("p50_ms", "p99_ms")),
            *(f"{row[name]:.0f}" for name in ("build_s", "mib")),
            *(f"{row[name]:.1f}" for name in ("open_ms", "open_mib")),
        )
    Console(width=100).print(table)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "vector_index.json").write_text(
        json.dumps({"title": title, "rows": rows}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
