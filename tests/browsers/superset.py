"""Opens the dashboard in a Superset of its own and looks whether every chart shows something.

``make superset-check`` runs it. It needs Chromium (Debian's package chromium; CHROMIUM names
another one) and what ``make superset`` installs; so it is no part of ``make test``.
"""

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import yaml
from playwright.sync_api import Page, Request, Response

from exports.superset.bundle import DATABASE, SOURCES, write
from tests.browsers.chromium import chromium
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-superset/bin/python"
PASSWORD = "FORYOU_SUPERSET_PASSWORD"
# As wide as a laptop, and so high that all charts are in sight, which is when Superset draws them.
SIZE = {"width": 1400, "height": 2700}
SECONDS = 180


@contextlib.contextmanager
def superset(bundle: Path, home: Path, password: str) -> Iterator[str]:
    """Run a Superset with nothing but the dashboard in it; gives its address."""
    port = free_port()
    log = home / "server.log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            [PYTHON, "exports/superset/start.py", bundle, "--home", home, "--port", str(port)],
            cwd=ROOT,
            env=os.environ | {PASSWORD: password},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"Superset does not start:\n{log.read_text()}")
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait()


def charts() -> dict[str, bool]:
    """Name → whether its table has rows in what is published, for every chart of the bundle."""
    tables = {
        dataset["uuid"]: dataset["table_name"]
        for file in SOURCES.glob("datasets/*/*.yaml")
        for dataset in [yaml.safe_load(file.read_text())]
    }
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        filled = {
            uuid: connection.table(table).limit(1).fetchone() is not None
            for uuid, table in tables.items()
        }
    return {
        chart["slice_name"]: filled[chart["dataset_uuid"]]
        for file in SOURCES.glob("charts/*.yaml")
        for chart in [yaml.safe_load(file.read_text())]
    }


def look(page: Page, address: str, password: str, picture: Path) -> list[str]:
    """Open the dashboard, write a picture of it, and tell what is wrong with it."""
    problems: list[str] = []
    n_rows: dict[int, int] = {}

    def left(request: Request) -> None:
        is_ours = urlsplit(request.url).hostname in ("127.0.0.1", None)
        # The policy of superset_config.py stops a request before it leaves the browser.
        if not is_ours and request.failure != "csp":
            problems.append(f"asked {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"{response.status} of {response.url}: {response.text()[:300]}")
        elif "/api/v1/chart/data" in response.url:
            asked = json.loads(response.request.post_data)["form_data"]
            if "slice_id" in asked:
                n_rows[asked["slice_id"]] = response.json()["result"][0]["rowcount"]

    page.set_default_timeout(SECONDS * 1000)
    page.on("requestfinished", left)
    page.on("requestfailed", left)
    page.on("response", answered)
    page.on("pageerror", lambda error: problems.append(f"error in the page: {error}"))
    page.goto(f"{address}/login/")
    page.fill("input[name=username], #username", "admin")
    page.fill("input[name=password], #password", password)
    page.press("input[name=password], #password", "Enter")
    page.wait_for_url(lambda url: "/login" not in url, wait_until="commit")
    page.goto(f"{address}/superset/dashboard/foryou/")
    expected = charts()
    holders = page.locator("[data-test-chart-name]")
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if len(n_rows) >= len(expected) and page.locator(".loading").count() == 0:
            break
        page.wait_for_timeout(250)
    # Bars grow for a second.
    page.wait_for_timeout(2000)
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=picture)
    shown = {}
    for nth in range(holders.count()):
        holder = holders.nth(nth)
        shown[holder.get_attribute("data-test-chart-name")] = holder
    for name, is_filled in expected.items():
        if name not in shown:
            problems.append(f"{name} is not there")
            continue
        chart_id = int(shown[name].get_attribute("data-test-chart-id"))
        if chart_id not in n_rows:
            problems.append(f"{name} has asked for no data")
        elif is_filled != (n_rows[chart_id] > 0):
            problems.append(
                f"{name} shows {n_rows[chart_id]} rows, of a table that is "
                f"{'filled' if is_filled else 'empty'}"
            )
        if is_filled and shown[name].locator("canvas, tbody tr").count() == 0:
            problems.append(f"{name} draws nothing")
    for text in page.locator("[role=alert]").all_inner_texts():
        problems.append(f"an alert: {text}")
    return problems


def main() -> int:
    """Look at it; 0 when all is well, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--picture", type=Path, default=Path("target/superset/dashboard.png"))
    options = parser.parse_args()
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        bundle = write(into=Path(folder) / "foryou.zip")
        with superset(bundle, Path(folder), password) as address:
            problems = look(browser.new_page(viewport=SIZE), address, password, options.picture)
    for problem in problems:
        print(f"foryou: {problem}", file=sys.stderr)
    print(options.picture.absolute())
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
