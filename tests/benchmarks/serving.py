"""How fast the online service answers, how many requests it stands, and whether it holds out.

``make bench-serving RUNS="million ml-1m soak"`` serves a published run with one process on one
core and asks it over loopback from another, each request on a connection that is kept alive:

- ``million``: 1,000,000 synthetic items × 64 (see synthetic_run.py), made once and kept in
  ``target/benchmarks/million/``;
- ``ml-1m``: the published run of MovieLens 1M that ``--published`` names; without one it is built;
- ``soak``: reads of all kinds and events at half of what the run of ``--soak-on`` stands.

Every person who is asked for has done something since the build, so that their vector is made
anew and all candidates are looked for. The two stages by themselves are timed inside a process.
Prints tables, says which limits are met, and writes all numbers to
``target/benchmarks/serving.json``.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq
import uvloop
import yaml
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# The last one is the service's, the first one the client's: another, if there is one.
CORES = sorted(os.sched_getaffinity(0))
OUTPUT = ROOT / "target" / "benchmarks"
RUNS = ("million", "ml-1m", "soak")
PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
# Number → most that it may be, in milliseconds; of the million.
LIMITS = {
    ("candidates", "p50"): 10,
    ("candidates", "p99"): 20,
    ("ranking", "p50"): 15,
    ("ranking", "p99"): 30,
    ("request", "p99"): 50,
    ("cached", "p99"): 2,
}
RECALL = 0.95
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
# More requests at a time count as saturated when they bring less than that.
RISES = 1.03
# What is asked for in the soak, and how often.
MIX = {"read": 0.80, "similar": 0.05, "no account": 0.05, "events": 0.10}
SAMPLE_SECONDS = 10
# Answers are kept so long that after the first minute as many run out as come.
SOAK_CACHE_SECONDS = 60
# Memory that the process has for itself is flat when it grows by less than that.
FLAT_MIB_PER_MINUTE = 1.0


# ---------- whom is asked for ----------


class People:
    """Whom the service is asked for, and what they do before.

    Parameters
    ----------
    folder : Path
        The published run.
    """

    def __init__(self, folder: Path) -> None:
        serving = folder / "serving"
        users = pq.read_table(folder / "users.parquet", columns=["user_id"])
        rows = pq.read_table(folder / "items.parquet", columns=["item_id", "item_key"])
        by_key = dict(zip(rows["item_key"].to_pylist(), rows["item_id"].to_pylist(), strict=True))
        met = np.load(serving / "histories" / "item_key.npy", mmap_mode="r")
        step = max(1, len(met) // 100_000)
        self.user_ids: list[str] = users["user_id"].to_pylist()
        # Of those that somebody has met, as often as they were met.
        self.item_ids: list[str] = [by_key[key] for key in met[::step].tolist()]
        parameters = json.loads((serving / "parameters.json").read_text())
        weights = parameters["event_weights"]
        kind = max(sorted(weights), key=weights.get)
        self.liking = {"event_type": kind, "value": parameters["positive_thresholds"].get(kind)}

    def sample(self, n: int, seed: int) -> list[tuple[str, list[dict]]]:
        """Draw people, each with one to three likes, as ``POST /events`` takes them."""
        random = np.random.default_rng(seed)
        n = min(n, len(self.user_ids))
        chosen = random.choice(len(self.user_ids), n, replace=False)
        return [
            (self.user_ids[its], self.likes(self.user_ids[its], 1 + nth % 3, random))
            for nth, its in enumerate(chosen.tolist())
        ]

    def likes(self, user_id: str, n: int, random: np.random.Generator) -> list[dict]:
        """Draw what somebody likes."""
        places = random.integers(0, len(self.item_ids), n).tolist()
        return [{"user_id": user_id, "item_id": self.item_ids[its]} | self.liking for its in places]


# ---------- the client ----------


class Connection(asyncio.Protocol):
    """A kept connection over which one request after the other is sent: as little HTTP as that
    takes, so that the client is not what is measured."""

    def __init__(self) -> None:
        self._received = b""
        self._answered: asyncio.Future | None = None

    def connection_made(self, transport) -> None:
        """Keep what is written to; without waiting for more to send."""
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error) -> None:
        """Fail the request that waits."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("the service closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer, which says how long it is."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        self._answered.set_result((int(head[9:12]), lowered, body))

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send a request; give status, head and body of the answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """Close it."""
        self._transport.close()


def get(path: str) -> bytes:
    """Write a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: benchmark\r\n\r\n".encode()


def post(path: str, content) -> bytes:
    """Write a POST request of JSON."""
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def read(user_id: str) -> bytes:
    """Ask for a user's list."""
    return get(f"/users/{quote(user_id, safe='')}/recommendations?k=20")


@contextlib.asynccontextmanager
async def connected(port: int, n: int) -> AsyncIterator[list[Connection]]:
    """Open connections."""
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(n)
    ]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


class Unexpected(Exception):
    """An answer that is no success."""


async def one_by_one(
    port: int, requests: list[bytes], says: Callable[[bytes, bytes], str] | None = None
) -> tuple[list[float], dict[str, int]]:
    """Send requests one after the other.

    Returns
    -------
    taken : list of float
        Milliseconds of each.
    counts : dict
        What ``says`` made of head and body of the answers → how many of them.

    Raises
    ------
    Unexpected
        When an answer is not 2xx.
    """
    taken, counts = [], {}
    async with connected(port, 1) as [connection]:
        for request in requests:
            began = time.perf_counter()
            status, head, body = await connection.ask(request)
            taken.append(1000 * (time.perf_counter() - began))
            if status // 100 != 2:
                raise Unexpected(f"{request[:80]!r} was answered with {status}: {body[:200]!r}")
            if says is not None:
                said = says(head, body)
                counts[said] = counts.get(said, 0) + 1
    return taken, counts


async def at_once(
    port: int, n: int, requests: list[bytes], seconds: float
) -> tuple[float, list[float]]:
    """Send requests over n connections, each as soon as the one before is answered.

    Returns
    -------
    rate : float
        Requests a second.
    taken : list of float
        Milliseconds of each.
    """
    taken: list[float] = []

    async def send(connection: Connection, first: int, until: float) -> None:
        nth = first
        while (began := time.perf_counter()) < until:
            status, _, body = await connection.ask(requests[nth % len(requests)])
            if status // 100 != 2:
                raise Unexpected(f"answered with {status}: {body[:200]!r}")
            taken.append(1000 * (time.perf_counter() - began))
            nth += n
        ended.append(time.perf_counter())

    ended: list[float] = []
    async with connected(port, n) as connections:
        began = time.perf_counter()
        await asyncio.gather(
            *(send(its, nth, began + seconds) for nth, its in enumerate(connections))
        )
    return len(taken) / (max(ended) - began), taken


async def saturation(port: int, requests: list[bytes], seconds: float) -> dict:
    """Ask over more and more connections until that brings no more answers a second."""
    steps: list[dict] = []
    for n in CONNECTIONS:
        rate, taken = await at_once(port, n, requests, seconds)
        its = percentiles(taken)
        steps.append(
            {"connections": n, "requests_per_second": rate, "n": its.pop("n")}
            | {f"{name}_ms": value for name, value in its.items()}
        )
        rates = [step["requests_per_second"] for step in steps]
        # Twice in a row, as one step may have had bad luck.
        if len(rates) > 2 and max(rates[-2:]) < RISES * max(rates[:-2]):
            break
    best = max(steps, key=lambda step: step["requests_per_second"])
    return {**best, "steps": steps}


def percentiles(taken: list[float]) -> dict[str, float]:
    """Give the percentiles of milliseconds."""
    values = np.percentile(taken, list(PERCENTILES.values()))
    return dict(zip(PERCENTILES, values.tolist(), strict=True)) | {"n": len(taken)}


# ---------- the service ----------


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let this process run on one core only, the client's, while the service has the other."""
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


@contextlib.contextmanager
def served(published: Path, **settings) -> Iterator[tuple[int, int]]:
    """Serve a folder of published runs with one process on one core; give port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w+") as log:
        said = {
            "published": published,
            "events": f"{folder}/events",
            "port": port,
            "rate_limit": "1000000/second",
        } | settings
        environment = {f"FORYOU_SERVE_{name.upper()}": str(its) for name, its in said.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "exports.serving"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {CORES[-1]}),
        )
        try:
            _wait(process, port, log)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen, port: int, log, most: float = 300) -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < most:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, Unexpected):
            asyncio.run(one_by_one(port, [get("/ready")]))
            return
        time.sleep(0.1)
    log.seek(0)
    raise SystemExit(f"the service does not answer:\n{log.read()}")


def memory(pid: int) -> dict[str, float]:
    """MiB of a process: all that it has in memory, and without the files that it maps."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {
        "rss_mib": int(values["VmRSS"].split()[0]) / 1024,
        "own_mib": int(values["RssAnon"].split()[0]) / 1024,
    }


# ---------- the numbers ----------


def measure(published: Path, options: argparse.Namespace) -> dict:
    """Time requests to a published run, and the two stages inside a process."""
    folder = (published / "current").resolve()
    people = People(folder)
    warm = people.sample(options.warm_up, seed=1)
    asked = people.sample(options.requests, seed=2)
    manifest = json.loads((folder / "manifest.json").read_text())
    numbers: dict = {"run_id": manifest["run_id"], "dataset": manifest["dataset"]}
    numbers["stages"] = _stages(folder, options)
    progress = tqdm(total=4, desc="serving", disable=None, leave=False)

    began = time.perf_counter()
    with served(published, cache_seconds=0) as (port, pid):
        numbers["start_seconds"] = time.perf_counter() - began
        numbers["memory_started"] = memory(pid)
        taken, _ = uvloop.run(one_by_one(port, [get("/health")] * options.requests))
        numbers["health"] = percentiles(taken)
        uvloop.run(one_by_one(port, _posts(warm)))
        uvloop.run(one_by_one(port, [read(user_id) for user_id, _ in warm]))
        taken, _ = uvloop.run(one_by_one(port, _posts(asked)))
        numbers["events"] = percentiles(taken)
        progress.update()
        reads = [read(user_id) for user_id, _ in asked]
        taken, counts = uvloop.run(
            one_by_one(port, reads, lambda _, body: json.loads(body)["served_by"])
        )
        numbers["request"] = percentiles(taken) | {"served_by": counts}
        progress.update()
        numbers["saturation"] = uvloop.run(saturation(port, reads, options.step_seconds))
        numbers["memory_after"] = memory(pid)
        progress.update()

    with served(published, cache_seconds=3600) as (port, _):
        few = reads[: min(500, len(reads))]
        uvloop.run(one_by_one(port, few))
        times = -(-options.cached_requests // len(few))
        taken, counts = uvloop.run(
            one_by_one(
                port,
                few * times,
                lambda head, _: "hit" if b"x-cache: hit" in head else "miss",
            )
        )
        numbers["cached"] = percentiles(taken) | {"cache": counts}
        numbers["cached_saturation"] = uvloop.run(saturation(port, few, options.step_seconds))
    progress.close()
    return numbers


def _posts(people: list[tuple[str, list[dict]]]) -> list[bytes]:
    return [post("/events", events) for _, events in people]


def _stages(folder: Path, options: argparse.Namespace) -> dict:
    result = subprocess.run(
        [sys.executable, __file__, "--stages", str(folder), "--requests", str(options.requests)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {CORES[-1]}),
    )
    return json.loads(result.stdout)


def stages(folder: Path, n: int) -> dict:
    """Time the two stages for people who did something since the build, without HTTP."""
    from exports.serving.engine import MOST_MET, Engine, Request
    from exports.serving.events import Event, LoggedEvent, RecentEvents
    from exports.serving.rerank import Wishes, reranked
    from exports.serving.run import Run

    recent = RecentEvents()
    engine = Engine(Run(folder), recent)
    engine.warm_up()
    if engine.run.problems:
        raise SystemExit(f"{folder} is not whole: {engine.run.problems}")
    people = People(folder).sample(n, seed=2)
    for user_id, events in people:
        recent.add(
            LoggedEvent(
                f"{user_id}-{nth}",
                Event(user_id, its["item_id"], its["event_type"], its["value"], time.time()),
                time.time(),
            )
            for nth, its in enumerate(events)
        )
    taken: dict[str, list[float]] = {}
    # What else runs on the machine adds little to it.
    processor: dict[str, list[float]] = {}
    sizes = []

    def timed(stage: str, work: Callable):
        began, used = time.perf_counter(), time.thread_time()
        result = work()
        taken.setdefault(stage, []).append(1000 * (time.perf_counter() - began))
        processor.setdefault(stage, []).append(1000 * (time.thread_time() - used))
        return result

    def once(user_id: str) -> None:
        person = timed("person", lambda: engine.person(Request(user_id)))
        found = timed("candidates", lambda: engine.candidates(person))
        for source, index in engine.indexes.items():
            vector = engine.vectors[source].of(person)
            if vector is not None:
                k = engine.run.parameters["candidates_k"] + min(len(person.met), MOST_MET)
                timed(f"index of {source}", lambda: index.search(vector[None, :], k))  # noqa: B023
        timed("ranking", lambda: _ranked(person, found))
        sizes.append(len(found.pool.items))

    def _ranked(person, found):
        items, scores = engine.ranked(person, found)
        return reranked(engine.run, person, items, scores, Wishes(20))

    for user_id, _ in people[: max(1, len(people) // 10)]:
        once(user_id)
    for its in (taken, processor, sizes):
        its.clear()
    for user_id, _ in people:
        once(user_id)
    entries = engine.run.manifest["indexes"]
    return {
        **{
            stage: percentiles(its) | {"processor": percentiles(processor[stage])}
            for stage, its in taken.items()
        },
        "n_candidates": {"median": float(np.median(sizes)), "least": min(sizes)},
        "n_items": engine.run.n_items - 1,
        "indexes": {
            source: {
                name: entry[name]
                for name in ("type", "recall", "recall_k", "n_items", "dimensions")
            }
            for source, entry in entries.items()
        },
        "memory": memory(os.getpid()),
    }


# ---------- the soak ----------


async def soak(port: int, pid: int, people: People, rate: float, seconds: float) -> dict:
    """Send requests at fixed times, whether those before are answered or not.

    Times count from when a request was due, so that waiting for a service that is busy counts.
    """
    random = np.random.default_rng(3)
    kinds = random.choice(list(MIX), int(rate * seconds), p=list(MIX.values())).tolist()
    taken: dict[str, list[float]] = {kind: [] for kind in MIX}
    errors: dict[str, int] = {}
    n_degraded = 0
    samples: list[dict] = []
    free: asyncio.Queue[Connection] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def request(kind: str) -> bytes:
        user_id = people.user_ids[random.integers(len(people.user_ids))]
        if kind == "read":
            return read(user_id)
        if kind == "events":
            return post("/events", people.likes(user_id, 1, random))
        items = [its["item_id"] for its in people.likes(user_id, 3, random)]
        if kind == "similar":
            return get(f"/items/{quote(items[0], safe='')}/similar?k=20")
        return post("/recommendations", {"likes": items})

    async def send(kind: str, due: float) -> None:
        nonlocal n_degraded
        connection = await free.get()
        try:
            async with asyncio.timeout(30):
                status, _, body = await connection.ask(request(kind))
            said = None if status // 100 == 2 else str(status)
            n_degraded += b'"degraded":["' in body
        except (ConnectionError, TimeoutError) as error:
            said = type(error).__name__
            connection.close()
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
        free.put_nowait(connection)
        taken[kind].append(1000 * (time.perf_counter() - due))
        if said is not None:
            errors[said] = errors.get(said, 0) + 1

    async def watch(began: float) -> None:
        while True:
            samples.append({"seconds": time.perf_counter() - began} | memory(pid))
            await asyncio.sleep(SAMPLE_SECONDS)

    async with connected(port, 64) as connections:
        for connection in connections:
            free.put_nowait(connection)
        began = time.perf_counter()
        watching = asyncio.create_task(watch(began))
        sent: set[Awaitable] = set()
        for nth, kind in enumerate(tqdm(kinds, desc="soak", disable=None, leave=False)):
            due = began + nth / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(send(kind, due))
            sent.add(task)
            task.add_done_callback(sent.discard)
        await asyncio.gather(*sent)
        took = time.perf_counter() - began
        watching.cancel()
        samples.append({"seconds": took} | memory(pid))
    settled = [its for its in samples if its["seconds"] >= min(60, seconds / 5)]
    grown = {}
    for name in ("own_mib", "rss_mib"):
        values = np.array([its[name] for its in settled])
        minutes = np.array([its["seconds"] for its in settled]) / 60
        slope = float(np.polyfit(minutes, values, 1)[0]) if len(values) > 1 else None
        grown[name] = {
            "slope_mib_per_minute": slope,
            "most_growth_mib": float((values - values[0]).max()),
        }
    return {
        "seconds": took,
        "requests_per_second": len(kinds) / took,
        "n_requests": len(kinds),
        "errors": errors,
        "n_degraded": n_degraded,
        "latency": {kind: percentiles(its) for kind, its in taken.items() if its},
        "memory": grown,
        "samples": samples,
    }


def soaked(published: Path, stands: dict | None, options: argparse.Namespace) -> dict:
    """Measure what a run stands, unless that was done just now, and soak it with half of that."""
    folder = (published / "current").resolve()
    people = People(folder)
    if stands is None:
        asked = people.sample(options.requests, seed=2)
        with served(published, cache_seconds=0) as (port, _):
            uvloop.run(one_by_one(port, _posts(asked)))
            reads = [read(user_id) for user_id, _ in asked]
            stands = uvloop.run(saturation(port, reads, options.step_seconds))
    rate = stands["requests_per_second"] / 2
    with served(published, cache_seconds=SOAK_CACHE_SECONDS) as (port, pid):
        # What was never asked for stands on the disk.
        warm = [read(user_id) for user_id, _ in people.sample(options.warm_up, seed=1)]
        uvloop.run(one_by_one(port, warm))
        return uvloop.run(soak(port, pid, people, rate, options.soak_seconds)) | {
            "saturation_requests_per_second": stands["requests_per_second"]
        }


# ---------- which run ----------


def ml_1m(options: argparse.Namespace) -> Path:
    """Give the folder of published runs that holds ml-1m; build and publish it if need be."""
    if options.published is not None:
        return options.published
    into = OUTPUT / "ml-1m" / "published"
    if (into / "current").exists():
        return into
    from exports.snapshot import publish

    data = options.data or ROOT / "data" / "ml-1m"
    if not data.is_dir() or data.name != "ml-1m":
        raise SystemExit(
            f"{data} is no folder ml-1m; `make data DATASET=ml-1m` fetches it, or name with"
            " --published a run that was published"
        )
    folder = OUTPUT / "ml-1m"
    folder.mkdir(parents=True, exist_ok=True)
    variables = {"dataset": "ml-1m", "data_dir": str(data.absolute().parent)}
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", "dbt_project", "--vars", yaml.safe_dump(variables)]
    command += ["--target-path", f"{folder}/target", "--log-path", f"{folder}/logs"]
    command += ["--exclude-resource-types", "unit_test"]
    database = folder / "warehouse.duckdb"
    database.unlink(missing_ok=True)
    environment = os.environ | {"FORYOU_DATABASE": str(database)}
    if subprocess.run(command, cwd=ROOT, env=environment).returncode != 0:
        raise SystemExit(f"dbt failed, as printed above; its log is {folder}/logs/dbt.log")
    publish(database, into)
    database.unlink()
    shutil.rmtree(folder / "target", ignore_errors=True)
    return into


def million(options: argparse.Namespace) -> tuple[Path, dict]:
    """Give the folder of the synthetic run, and what it took to make it."""
    from tests.benchmarks.synthetic_run import Size, synthetic_run

    into = OUTPUT / "million"
    _, made = synthetic_run(into, Size(n_items=options.items, n_users=options.users))
    return into, made


# ---------- what is said of it ----------


def machine() -> dict:
    """Tell when, of which code, and on what it is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit or None,
        "cpu": names[0] if names else platform.processor(),
        "cores": len(CORES),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def limits_of(numbers: dict) -> list[tuple[str, str, str, bool]]:
    """Name each limit of the million, what was measured, and whether it is met."""
    rows = []
    for (stage, name), most in LIMITS.items():
        value = (numbers["stages"].get(stage) or numbers[stage])[name]
        rows.append((f"{stage} {name}", f"{value:.2f} ms", f"{most} ms", value <= most))
    for source, index in numbers["stages"]["indexes"].items():
        its = (f"recall@{index['recall_k']} of {source}", f"{index['recall']:.3f}", f"{RECALL}")
        rows.append((*its, index["recall"] >= RECALL))
    return rows


def limits_of_soak(numbers: dict) -> list[tuple[str, str, str, bool]]:
    """The same of the soak."""
    n_errors = sum(numbers["errors"].values())
    slope = numbers["memory"]["own_mib"]["slope_mib_per_minute"]
    rows = [("errors", str(n_errors), "0", n_errors == 0)]
    if slope is not None:
        its = (f"{slope:+.2f} MiB/min", f"{FLAT_MIB_PER_MINUTE} MiB/min")
        rows.append(("own memory", *its, slope < FLAT_MIB_PER_MINUTE))
    return rows


def show(name: str, numbers: dict, console: Console) -> None:
    """Print what was measured of a run."""
    stages = numbers["stages"]
    rows = {
        "stage: person": stages["person"],
        "stage: candidates": stages["candidates"],
        **{f"  {its}": stages[its] for its in stages if its.startswith("index of")},
        "stage: ranking to 20": stages["ranking"],
        "request": numbers["request"],
        "cached request": numbers["cached"],
        "POST /events": numbers["events"],
        "GET /health": numbers["health"],
    }
    of = f"{stages['n_items']:,} items of {numbers['dataset']}"
    table = Table("milliseconds", title=f"{name}: {of}, one at a time")
    for header in (*PERCENTILES, "n", "processor p50", "p99"):
        table.add_column(header, justify="right")
    for what, its in rows.items():
        used = [f"{its['processor'][p]:.2f}" for p in ("p50", "p99")] if "processor" in its else []
        table.add_row(what, *(f"{its[p]:.2f}" for p in PERCENTILES), f"{its['n']:,}", *used)
    console.print(table)
    table = Table("at saturation", title=name)
    for header in ("requests/s", "connections", "p50 ms", "p99 ms"):
        table.add_column(header, justify="right")
    for what, its in {"reads": "saturation", "cached reads": "cached_saturation"}.items():
        its = numbers[its]
        table.add_row(
            what,
            f"{its['requests_per_second']:,.0f}",
            str(its["connections"]),
            *(f"{its[p]:.1f}" for p in ("p50_ms", "p99_ms")),
        )
    console.print(table)
    started, after = numbers["memory_started"], numbers["memory_after"]
    console.print(
        f"served by {numbers['request']['served_by']}, from cache: {numbers['cached']['cache']};"
        f" {stages['n_candidates']['median']:.0f} candidates (median); ready after"
        f" {numbers['start_seconds']:.1f} s; memory {started['rss_mib']:,.0f} MiB when ready,"
        f" {after['rss_mib']:,.0f} after, of which {after['own_mib']:,.0f} are no mapped files;"
        f" load average {numbers['machine']['load_average']:.1f}"
    )
    if (made := numbers["made"]) is not None:
        console.print(
            f"the run took {made['seconds']:.0f} s to make and has {made['bytes'] / 2**20:,.0f} MiB"
        )


def show_soak(numbers: dict, console: Console) -> None:
    """Print what the soak was like."""
    title = (
        f"soak on {numbers['run']}: {numbers['n_requests']:,} requests in"
        f" {numbers['seconds']:.0f} s, {numbers['requests_per_second']:.0f}/s"
    )
    table = Table("milliseconds since due", title=title)
    for header in (*PERCENTILES, "n"):
        table.add_column(header, justify="right")
    for kind, its in numbers["latency"].items():
        table.add_row(kind, *(f"{its[p]:.2f}" for p in PERCENTILES), f"{its['n']:,}")
    console.print(table)
    its = numbers["memory"]
    console.print(
        "errors: "
        + (", ".join(f"{n} × {what}" for what, n in numbers["errors"].items()) or "none")
        + f"; degraded answers: {numbers['n_degraded']}; since the first minute memory grew by"
        f" at most {its['own_mib']['most_growth_mib']:.1f} MiB"
        f" ({its['rss_mib']['most_growth_mib']:.1f} with mapped files)"
    )


def show_limits(rows: list[tuple[str, str, str, bool]], console: Console) -> None:
    """Print which limits are met."""
    table = Table("limit", "measured", "at most (recall: at least)", "")
    for *cells, is_met in rows:
        table.add_row(*cells, "met" if is_met else "[bold]NOT MET[/bold]")
    console.print(table)


def main() -> int:
    """Measure what is asked for; 1 if a limit is not met."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", nargs="*", help=f"{', '.join(RUNS)}; by default million")
    parser.add_argument("--data", type=Path, help="the folder of ml-1m")
    parser.add_argument("--published", type=Path, help="published runs, the current one of ml-1m")
    parser.add_argument("--soak-on", choices=RUNS[:2], default="million")
    parser.add_argument("--soak-seconds", type=float, default=600)
    parser.add_argument("--requests", type=int, default=2000, help="one at a time")
    parser.add_argument("--cached-requests", type=int, default=5000)
    parser.add_argument("--warm-up", type=int, default=300, help="requests that do not count")
    parser.add_argument("--step-seconds", type=float, default=5, help="at each load")
    parser.add_argument("--items", type=int, default=1_000_000, help="of the synthetic run")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.runs) - set(RUNS):
        parser.error(f"{', '.join(sorted(unknown))} is unknown; choose from {', '.join(RUNS)}")
    if options.stages:
        print(json.dumps(stages(options.stages, options.requests)))
        return 0
    console = Console() if sys.stdout.isatty() else Console(width=100)
    path = OUTPUT / "serving.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    measured, limits = {}, []
    for name in options.runs or ["million"]:
        measured_on = machine()
        its = options.soak_on if name == "soak" else name
        published, made = million(options) if its == "million" else (ml_1m(options), None)
        with on_core(CORES[0]):
            if name == "soak":
                stands = measured.get(its, {}).get("saturation")
                numbers = soaked(published, stands, options) | {"run": its}
            else:
                numbers = measure(published, options) | {"made": made}
        measured[name] = numbers | {"machine": measured_on}
        if name == "soak":
            show_soak(numbers, console)
            limits += limits_of_soak(numbers)
        else:
            show(name, measured[name], console)
        if name == "million":
            limits += limits_of(numbers)
        known[name] = measured[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(known, indent=2) + "\n")
    if limits:
        show_limits(limits, console)
    return 0 if all(is_met for *_, is_met in limits) else 1


if __name__ == "__main__":
    sys.exit(main())
