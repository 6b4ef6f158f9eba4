"""Redis: ready lists as JSON, one key each, and one key that tells which run is current.

::

    foryou:current                                                  the run id
    foryou:<run id>:recommendations:<user_id>                       a list, best first
    foryou:<run id>:similar_items:<item_id>                         a list
    foryou:<run id>:cold_start_recommendations:<kind>:<audience>    a list; all:all is everybody's
    foryou:<run id>:run                                             what was sent, from which build
    foryou:runs                                                     run id → sending or sent
    foryou:sender                                                   who is sending, if somebody is

A reader gets ``foryou:current``, then the key of that run. The keys of the run before live on for
an hour, so what was read a moment ago still leads somewhere.
"""

import contextlib
import itertools
import json
import secrets
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import duckdb
from tqdm import tqdm

from exports.targets import NotSentError, PublishedRun, from_environment, plain_word

try:
    import redis
except ModuleNotFoundError:  # the extra is not installed, which send says
    redis = None

VARIABLE = "FORYOU_REDIS_URL"
PREFIX_VARIABLE = "FORYOU_REDIS_PREFIX"
# Table → what names a list, and what each of its entries holds. Published in this order, then rank.
LISTS = {
    "recommendations": (
        ("user_id",),
        ("item_id", "title", "score", "source", "slot", "reason", "reason_item_id"),
    ),
    "similar_items": (("item_id",), ("similar_item_id", "similar_title", "score", "source")),
    "cold_start_recommendations": (
        ("kind", "audience"),
        ("item_id", "title", "score", "reason"),
    ),
}
# Keys that go in one round trip, and in one step of the server, which does nothing else meanwhile.
BATCH = 500
ROWS_AT_ONCE = 10_000
GRACE_SECONDS = 3600
TIMEOUT_SECONDS = 30


def send(run: PublishedRun, grace_seconds: int = GRACE_SECONDS) -> str:
    """Make a run the current one in Redis.

    Parameters
    ----------
    run : PublishedRun
        What to send. FORYOU_REDIS_URL holds the address, FORYOU_REDIS_PREFIX what all keys start
        with (default ``foryou``).
    grace_seconds : int
        How long the run before can still be read, in seconds.

    Returns
    -------
    str
        How many lists were sent, or that this run was current already.

    Raises
    ------
    NotSentError
        When Redis cannot be reached or does not take it; the run before stays current.
    """
    url = from_environment(VARIABLE, "an address, redis://:password@host:6379/0")
    prefix = plain_word(PREFIX_VARIABLE, "foryou")
    if redis is None:
        raise NotSentError("the package redis is missing; pip install 'foryou[redis]'")
    try:
        client = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=5,
        )
    except ValueError:
        # What it has to say may hold a part of the password.
        raise NotSentError(
            f"{VARIABLE} holds no address like redis://:password@host:6379/0"
        ) from None
    try:
        with client:
            return _Sender(client, prefix, grace_seconds).send(run)
    except redis.RedisError as error:
        # Of a pipeline it repeats the command, and so the list.
        said = str(error).rpartition("caused error: ")[2]
        if password := unquote(urlsplit(url).password or ""):
            said = said.replace(password, "…")
        raise NotSentError(f"{VARIABLE}: {said}{_remedy(said)}") from None


def _remedy(said: str) -> str:
    if "maxmemory" in said:
        return "; it needs room for two runs: raise maxmemory"
    return ""


def lists_of(run: PublishedRun, table: str) -> Iterator[tuple[str, str]]:
    """Give the lists of a published table one after the other, holding some thousand rows at once.

    Yields
    ------
    tuple[str, str]
        What it is the list of, several names joined by colons, and the list as JSON.

    Raises
    ------
    NotSentError
        When the file is not in the order in which it is published.
    """
    names, fields = LISTS[table]
    entry = ", ".join(f"{field} := {field}" for field in fields)
    with duckdb.connect(config={"memory_limit": "512MB"}) as connection:
        batches = connection.execute(
            f"select {', '.join(names)}, rank, to_json(struct_pack({entry})) as entry"
            " from read_parquet($1)",
            [str(run.file(table))],
        ).to_arrow_reader(ROWS_AT_ONCE)
        rows = (
            row
            for batch in batches
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        )
        before: tuple = ()
        for name, group in itertools.groupby(rows, key=lambda row: row[:-2]):
            entries = []
            for row in group:
                if row[:-1] <= before:
                    raise NotSentError(
                        f"{run.file(table)} is not in the order of {', '.join(names)} and rank"
                    )
                before = row[:-1]
                entries.append(row[-1])
            yield ":".join(name), f"[{','.join(entries)}]"


class _Sender:
    """A connection to Redis, and what all its keys start with.

    The last that came is the one that sends; whoever came before finds that out at the next step
    and gives way. So one that was killed blocks nobody, and no key is written after its run was
    tidied away.
    """

    def __init__(self, client: "redis.Redis", prefix: str, grace_seconds: int) -> None:
        self.client = client
        self.prefix = prefix
        self.grace_seconds = grace_seconds
        self.token = secrets.token_hex(8)

    def key(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    @contextlib.contextmanager
    def step(self) -> Iterator["redis.client.Pipeline"]:
        """Collect commands that are run together, in one round trip, or not at all."""
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.watch(self.key("sender"))
            if pipeline.get(self.key("sender")) != self.token:
                raise NotSentError(self.gave_way())
            pipeline.multi()
            yield pipeline
            try:
                pipeline.execute()
            except redis.WatchError as error:
                if self.client.get(self.key("sender")) != self.token:
                    raise NotSentError(self.gave_way()) from None
                raise redis.ConnectionError(str(error)) from None

    def gave_way(self) -> str:
        return f"another run was sent to the prefix {self.prefix} meanwhile, and this one gave way"

    def send(self, run: PublishedRun) -> str:
        self.client.set(self.key("sender"), self.token)
        try:
            self.tidy()
            if self.client.get(self.key("current")) == run.run_id:
                return f"run {run.run_id} is current already, nothing was changed"
            n_lists = self.write(run)
            with self.step() as step:
                step.set(self.key("current"), run.run_id)
                step.hset(self.key("runs"), run.run_id, "sent")
        finally:
            # Also after what went wrong: a full server is not left with half a run.
            with contextlib.suppress(redis.RedisError, NotSentError):
                self.tidy()
                with self.step() as step:
                    step.delete(self.key("sender"))
        return (
            f"{sum(n_lists.values()):,} lists under {self.key(run.run_id)}:, which is"
            f" {self.key('current')}"
        )

    def write(self, run: PublishedRun) -> dict[str, int]:
        with self.step() as step:
            step.hset(self.key("runs"), run.run_id, "sending")
        n_lists = {}
        for table in [table for table in LISTS if table in run.tables]:
            lists = lists_of(run, table)
            lists = iter(tqdm(lists, desc=f"redis: {table}", disable=None, leave=False, unit=""))
            n_lists[table] = 0
            while batch := list(itertools.islice(lists, BATCH)):
                with self.step() as step:
                    for name, entries in batch:
                        step.set(self.key(run.run_id, table, name), entries)
                n_lists[table] += len(batch)
        described = ("run_id", "published_at", "dataset", "data_fingerprint", "commit")
        about = {what: run.manifest.get(what) for what in described} | {"n_lists": n_lists}
        with self.step() as step:
            step.set(self.key(run.run_id, "run"), json.dumps(about))
        return n_lists

    def tidy(self) -> None:
        """Let runs go that are not current: in a while if they were, else at once."""
        current = self.client.get(self.key("current"))
        for run_id, state in self.client.hgetall(self.key("runs")).items():
            if run_id == current:
                continue
            keys = self.client.scan_iter(match=self.key(run_id, "*"), count=1000)
            while batch := list(itertools.islice(keys, BATCH)):
                with self.step() as step:
                    for key in batch:
                        if state == "sent":
                            step.expire(key, self.grace_seconds)
                        else:
                            step.unlink(key)
            with self.step() as step:
                step.hdel(self.key("runs"), run_id)
