"""Whether boards are drawn, and of whole builds alone, while builds go on without a pause.

``python tests/benchmarks/boards.py --draws 50`` builds the default data over and over in a folder
of its own, publishes each, and meanwhile draws all boards of what is published. Each draw must
succeed, be of one run, and say what that run says: builds of the same data give the same lists and
metrics, so whatever does not tell of the builds themselves must be the same in every draw.
"""

import argparse
import hashlib
import html
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from exports.boards import ORDER, draw  # noqa: E402

# What each page says it is of.
RUN = r"published [^,]+, run ([0-9a-f-]{36})"
# These tell of builds: how long they took, and how many there were.
OF_BUILDS = {"how_good", "data_health"}


def build_and_publish(folder: Path, stop: threading.Event, builds: list[float]) -> None:
    """Build and publish until told to stop; note how long each took."""
    # One thread, as threads that wait for each other beside the draws hardly come on.
    environment = os.environ | {
        "FORYOU_DATABASE": str(folder / "warehouse.duckdb"),
        "OMP_NUM_THREADS": "1",
    }
    dbt = str(Path(sys.executable).with_name("dbt"))
    while not stop.is_set():
        began = time.monotonic()
        for command in (
            [dbt, "build", "--project-dir", "dbt_project", "--exclude-resource-types", "unit_test"]
            + ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")],
            [sys.executable, "-m", "exports.snapshot", "--into", str(folder / "published")],
        ):
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        builds.append(time.monotonic() - began)


def fingerprint(page: Path) -> str:
    """What a page shows, without the ids that are drawn anew each time."""
    shown = re.findall(r"<text[^>]*>(.*?)</text>", html.unescape(page.read_text()))
    return hashlib.sha256("\n".join(shown).encode()).hexdigest()


def main() -> None:
    """Draw so many times, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--in-turn", action="store_true", help="one board a draw, not all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foryou-boards-bench-") as name:
        folder = Path(name)
        stop, builds, seconds, runs = threading.Event(), [], [], set()
        builder = threading.Thread(target=build_and_publish, args=(folder, stop, builds))
        builder.start()
        try:
            while not builds:
                if not builder.is_alive():
                    raise SystemExit("the first build failed")
                time.sleep(1)
            shown: dict[str, set[str]] = {}
            for nth in tqdm(range(options.draws), desc="draws"):
                began = time.monotonic()
                only = [ORDER[nth % len(ORDER)]] if options.in_turn else []
                pages = draw(folder / "published/current", folder / "boards", only=only)
                seconds.append(time.monotonic() - began)
                [run] = {re.search(RUN, page.read_text()).group(1) for page in pages}
                runs.add(run)
                for page in pages[1:]:
                    shown.setdefault(page.stem, set()).add(fingerprint(page))
                assert builder.is_alive(), "builds have stopped"
        finally:
            stop.set()
            builder.join()
    print(
        f"{len(seconds)} draws of {'one' if options.in_turn else 'all'} of {len(shown)} boards,"
        f" {statistics.median(seconds):.0f} s (median), of {len(runs)} runs; {len(builds)} builds,"
        f" {statistics.median(builds):.0f} s: none failed"
    )
    for board, different in shown.items():
        print(f"  {board}: {len(different)} different")
        assert board in OF_BUILDS or len(different) == 1, board


if __name__ == "__main__":
    main()
