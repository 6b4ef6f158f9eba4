"""Where a service is put to the test: its published runs, its event log, and ways to ask it."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import ROOT
from fastapi.testclient import TestClient
from servers import free_port

from exports.serving.app import create_app
from exports.serving.settings import Settings

LIKE = {"event_type": "rating", "value": 5.0}


@dataclass
class Place:
    """Where a service finds what it serves, and writes down what it is told."""

    folder: Path
    source: Path
    """The run that all runs here are copies of."""

    @property
    def published(self) -> Path:
        return self.folder / "published"

    @property
    def events(self) -> Path:
        return self.folder / "events"

    @property
    def run(self) -> Path:
        """The run that is the current one."""
        return (self.published / "current").resolve()

    def add(self, run_id: str, titles: str | None = None, **parameters) -> Path:
        """Publish a copy under another name; titles may begin with a word of its own."""
        folder = self.published / run_id
        partial = self.published / f".partial-{run_id}"
        shutil.copytree(self.source, partial, copy_function=os.link)
        manifest = json.loads((partial / "manifest.json").read_text())
        manifest["run_id"] = run_id
        if titles is not None:
            items = pq.read_table(partial / "items.parquet")
            named = pa.array([f"{titles}{title}" for title in items["title"].to_pylist()])
            items = items.set_column(items.schema.get_field_index("title"), "title", named)
            (partial / "items.parquet").unlink()
            pq.write_table(items, partial / "items.parquet")
        if parameters:
            file = partial / "serving" / "parameters.json"
            text = json.dumps(json.loads(file.read_text()) | parameters)
            put(file, text.encode())
            manifest["serving"]["serving/parameters.json"] = {
                "n_bytes": len(text),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
        put(partial / "manifest.json", json.dumps(manifest).encode())
        partial.rename(folder)
        return folder

    def switch(self, folder: Path) -> None:
        """Make a run the current one, in one step."""
        link = self.published / ".current-next"
        link.symlink_to(folder.name)
        os.replace(link, self.published / "current")

    def its(self, **others) -> dict:
        """The settings of a service here."""
        here = {"published": self.published, "events": self.events, "reload_seconds": 0.05}
        return here | {"cache_seconds": 0, "rate_limit": "1000000/second"} | others

    @contextlib.contextmanager
    def serving(self, **its) -> Iterator[TestClient]:
        """Serve in this process."""
        app = create_app(Settings(**self.its(**its)))
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client

    def logged(self) -> list[dict]:
        """What stands in the event log, file after file; what is no line of it is passed over."""
        rows = []
        for file in sorted(self.events.glob("*/*.jsonl")):
            for line in file.read_bytes().splitlines():
                with contextlib.suppress(ValueError):
                    rows.append(json.loads(line))
        return rows


class Direct:
    """Asks an application without a network, byte by byte as it would come over one."""

    def __init__(self, app) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()

    def get(self, url: str) -> httpx.Response:
        return self.send("GET", url, {}, None)

    def send(self, method: str, url: str, headers: dict, body: bytes | None) -> httpx.Response:
        return self.loop.run_until_complete(self._send(method, url, headers, body))

    async def _send(self, method, url, headers, body) -> httpx.Response:
        path, _, query = url.partition("?")
        said: list[dict] = []
        rest = [{"type": "http.request", "body": body or b"", "more_body": False}]

        async def receive() -> dict:
            return rest.pop() if rest else {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            said.append(message)

        began = time.monotonic()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "state": {},
        }
        await self.app(scope, receive, send)
        answer = httpx.Response(
            said[0]["status"],
            headers=said[0]["headers"],
            content=b"".join(its.get("body", b"") for its in said[1:]),
            request=httpx.Request(method, "http://localhost"),
        )
        answer.elapsed = timedelta(seconds=time.monotonic() - began)
        return answer


def put(file: Path, content: bytes) -> None:
    """Write a file anew: other names of the old one keep what it was."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def cut(file: Path) -> None:
    """Leave half of a file."""
    put(file, file.read_bytes()[: file.stat().st_size // 2])


def garble(file: Path) -> None:
    """Put as much else into a file."""
    put(file, bytes(255 - byte for byte in file.read_bytes()))


def ask(client, user: str, **parameters) -> dict:
    """A user's list, which must be one."""
    answer = client.get(f"/users/{quote(user, safe='')}/recommendations", params=parameters)
    assert answer.status_code == 200, answer.text
    content = answer.json()
    items = [item["item_id"] for item in content["items"]]
    assert len(items) == len(set(items)) == parameters.get("k", 20)
    return content


def met(client, user: str, items: list[str]) -> list[str]:
    """Those of the items that the service knows the user has met."""
    answer = client.get(f"/users/{quote(user, safe='')}/explain", params={"item_id": items, "k": 1})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"] if item["has_met"]]


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"not within {seconds} seconds: {what}"
        time.sleep(0.02)


class Process:
    """The service as ``make serve`` runs it, in a process that can be killed."""

    def __init__(self, place: Place, **its) -> None:
        self.port = free_port()
        environment = {
            f"FORYOU_SERVE_{name.upper()}": str(value)
            for name, value in (place.its(**its) | {"port": self.port}).items()
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exports.serving"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def __enter__(self) -> "Process":
        with self.client() as client:

            def is_ready() -> bool:
                assert self.process.poll() is None, "the service ended"
                with contextlib.suppress(httpx.TransportError):
                    return client.get("/ready").status_code == 200
                return False

            wait_for(is_ready, "the service is ready", 60)
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
