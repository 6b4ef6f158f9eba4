"""What Python models say that they need, before they begin, against what they come to hold.

    .venv/bin/python tests/benchmarks/memory.py warehouse.duckdb dbt_project/target/manifest.json

Each model is run as dbt runs it, in a process of its own, on the tables of a warehouse that is
built and its manifest. Both numbers are beside what the process held with the libraries loaded: the
most that was asked for, with what was held then, and the peak of resident memory (Linux only).
"""

import argparse
import importlib.util
import json
import multiprocessing
import sys
import tempfile
from pathlib import Path

import duckdb
import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
MODELS = [
    "item_content_embeddings",
    "als_vectors",
    "svd_vectors",
    "ease_candidates",
    "two_tower_fits",
    "two_tower_vectors",
    "embedding_vectors",
    "vector_candidates",
    "lightgbm_fits",
    "lightgbm_ranked_candidates",
    "dlrm_fits",
    "dlrm_ranked_candidates",
    "picked_candidates",
]


class Door:
    """What dbt gives a model: refs and its config."""

    def __init__(self, session: duckdb.DuckDBPyConnection, nodes: dict, name: str) -> None:
        self.session, self.nodes, self.config = session, nodes, nodes[name]["config"]

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self.session.sql(f"select * from {self.nodes[name]['schema']}.{name}")


def peak() -> int:
    """The most that this process has held since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(database: str, nodes: dict, name: str, folder: str, results) -> None:
    from models_py import memory

    path = ROOT / "dbt_project" / nodes[name]["original_file_path"]
    spec = importlib.util.spec_from_file_location(name, path)
    door = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(door)
    session = duckdb.connect(database, read_only=True)
    session.execute("set memory_limit = '2GB'; set preserve_insertion_order = false")
    session.execute(f"attach '{folder}/result.duckdb' as result (read_write)")
    held_before = psutil.Process().memory_info().rss
    asked = []

    def require(n_bytes: float, what: str, remedy: str) -> None:
        asked.append(n_bytes + memory.OVERHEAD + psutil.Process().memory_info().rss - held_before)

    memory.require = require
    forget_peak()
    session.register("its_rows", door.model(Door(session, nodes, name), session))
    session.execute("create table result.made as select * from its_rows")
    results.put((max(asked), peak() - held_before, session.sql("from result.made").shape[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("database", help="a warehouse that is built")
    parser.add_argument("manifest", help="the manifest of that build")
    parser.add_argument("models", nargs="*", default=MODELS)
    arguments = parser.parse_args()
    manifest = json.loads(Path(arguments.manifest).read_text())
    nodes = {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["enabled"]
    }
    processes = multiprocessing.get_context("spawn")
    print(f"{'model':28}{'rows':>12}{'asked MB':>10}{'held MB':>10}{'asked / held':>14}")
    for name in filter(nodes.get, arguments.models):
        results = processes.Queue()
        with tempfile.TemporaryDirectory() as folder:
            process = processes.Process(
                target=measure, args=(arguments.database, nodes, name, folder, results)
            )
            process.start()
            process.join()
        if process.exitcode:
            sys.exit(f"{name} failed")
        asked, held, n_rows = results.get()
        print(
            f"{name:28}{n_rows:12,}{asked / 1e6:10,.0f}{held / 1e6:10,.0f}{asked / held:14.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
