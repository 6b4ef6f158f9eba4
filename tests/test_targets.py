"""What Postgres and Redis show is a published run, whole, whatever happens to whoever sends it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
import redis
from conftest import ROOT
from servers import Postgres, Redis, postgres_server, redis_server

import exports.targets.redis
from exports.connections import load
from exports.snapshot import publish
from exports.targets import NotSentError, PublishedRun, send
from exports.targets.redis import GRACE_SECONDS, LISTS

PASSWORD = "pa'ss w0rd@of/the:test"
REDIS_PASSWORD = "pass-w0rd@of/the:test"


@pytest.fixture(scope="module")
def published(built, tmp_path_factory) -> Path:
    """The folder of one published run."""
    return publish(built.database, tmp_path_factory.mktemp("targets") / "published")


@pytest.fixture
def another(published, tmp_path) -> Callable[..., PublishedRun]:
    """Makes another run: all lists are of the source that is named like the run.

    ``small`` leaves most of the rows out that nobody here looks at; ``changed`` holds what else is
    done to a table, in SQL, or None for a run without it.
    """

    def make(run_id: str, small: bool = True, **changed: str | None) -> PublishedRun:
        folder = tmp_path / run_id
        shutil.copytree(published, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["run_id"] = run_id
        own = f"select * replace ('{run_id}' as source)"
        changes: dict[str, str | None] = {"recommendations": own, "similar_items": own}
        if small:
            changes = {
                "recommendations": f"{own} where user_id like '1%'",
                "similar_items": f"{own} where item_id like '1%'",
                "user_items": "select * where user_id like '1%'",
                "metrics": "select * where fold = 'live'",
                "metrics_history": "select * where fold = 'live'",
                "vectors": "select * where source = 'als'",
            }
        for name, change in (changes | changed).items():
            if change is None:
                del manifest["tables"][name]
                continue
            file = folder / f"{name}.parquet"
            rows = duckdb.sql(f"from read_parquet('{published / file.name}') {change}")
            rows.write_parquet(str(file))
            manifest["tables"][name] |= {
                "n_rows": len(rows),
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return PublishedRun.open(folder)

    return make


@pytest.fixture(scope="module")
def postgres_running(tmp_path_factory) -> Iterator[Postgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres"), PASSWORD) as server:
        yield server


@pytest.fixture
def postgres(postgres_running, monkeypatch) -> Iterator["Reader"]:
    """A Postgres with nothing in it, and its address in the environment."""
    monkeypatch.setenv("FORYOU_POSTGRES", postgres_running.address(PASSWORD))
    with Reader(postgres_running) as reader:
        reader.execute("drop schema if exists foryou cascade")
        yield reader


class Reader:
    """An application that reads Postgres."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.connection = duckdb.connect()
        assert load(self.connection, "postgres_scanner") is None
        address = server.connection_string(PASSWORD).replace("'", "''")
        self.connection.execute(f"attach '{address}' as shop (type postgres)")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()

    def execute(self, statement: str) -> None:
        self.connection.execute("call postgres_execute('shop', $1)", [statement])

    def rows(self, query: str) -> list[tuple]:
        quoted = query.replace("'", "''")
        return self.connection.execute(f"from postgres_query('shop', '{quoted}')").fetchall()

    def visible(self) -> tuple:
        """In one statement: the run, and what its lists and those of similar items consist of."""
        [row] = self.rows(
            """
            select
                (select run_id from foryou.published_run) as run_id,
                (select count(*) from foryou.recommendations) as n_recommended,
                (select min(source) from foryou.recommendations) as least,
                (select max(source) from foryou.recommendations) as greatest,
                (select min(source) from foryou.similar_items) as similar_least,
                (select max(source) from foryou.similar_items) as similar_greatest,
                (select count(*) from foryou.user_items) as n_user_items
            """
        )
        return row


def whole(run: PublishedRun) -> tuple:
    """What a reader sees of a run that ``another`` made."""
    n_rows = {name: table["n_rows"] for name, table in run.manifest["tables"].items()}
    source = [run.run_id] * 4
    return (run.run_id, n_rows["recommendations"], *source, n_rows["user_items"])


@pytest.fixture(scope="module")
def redis_running(tmp_path_factory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis"), REDIS_PASSWORD) as server:
        yield server


@pytest.fixture
def client(redis_running, monkeypatch) -> Iterator[redis.Redis]:
    """A Redis with nothing in it, and its address in the environment."""
    url = redis_running.url(REDIS_PASSWORD)
    monkeypatch.setenv("FORYOU_REDIS_URL", url)
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.flushall()
        yield client


def keys_of(client: redis.Redis) -> set[str]:
    return set(client.scan_iter(count=10_000))


def lists_in(client: redis.Redis, run_id: str) -> dict[str, list[dict]]:
    keys = sorted(keys_of(client))
    start = f"foryou:{run_id}:"
    keys = [key for key in keys if key.startswith(start) and key != f"{start}run"]
    return {
        key.removeprefix(start): json.loads(entries)
        for key, entries in zip(keys, client.mget(keys), strict=True)
    }


def lists_published(run: PublishedRun) -> dict[str, list[dict]]:
    """The same, read from the Parquet in plain Python."""
    lists: dict[str, list[dict]] = {}
    for table, (names, fields) in LISTS.items():
        rows = duckdb.read_parquet(str(run.file(table))).to_arrow_table().to_pylist()
        for row in sorted(rows, key=lambda row: row["rank"]):
            key = ":".join([table, *(row[name] for name in names)])
            lists.setdefault(key, []).append({field: row[field] for field in fields})
    return lists


def command(run: PublishedRun, target: str) -> list[str]:
    return [sys.executable, "-m", "exports.targets", "--to", target, "--run", str(run.folder)]


def kill_when(run: PublishedRun, target: str, come: Callable[[], bool]) -> None:
    """Send, and kill as soon as a moment has come."""
    process = subprocess.Popen(command(run, target), cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None and not come():
        time.sleep(0.001)
    process.kill()
    process.wait()


# Postgres


def test_postgres_holds_what_was_published(published, postgres):
    run = PublishedRun.open(published)
    said = f"{len(run.tables)} tables of schema foryou, run {run.run_id}"
    assert send(run, "postgres").endswith(said)
    for table in run.tables:
        sent = f"select * from shop.foryou.{table}"
        file = f"select * from read_parquet('{run.file(table)}')"
        [(n_sent, n_file)] = postgres.connection.sql(
            f"select (select count(*) from ({sent})), (select count(*) from ({file}))"
        ).fetchall()
        assert n_sent == n_file == run.manifest["tables"][table]["n_rows"], table
        # Postgres has no order of keys within JSON, and spaces there.
        json_columns = [
            column
            for column, kind in run.manifest["tables"][table]["columns"].items()
            if kind == "JSON"
        ]
        if json_columns:
            replaced = ", ".join(
                f"list_sort(json_extract(({its})::json, '$.*')::varchar[]) as {its}"
                for its in json_columns
            )
            sent, file = (f"select * replace ({replaced}) from ({its})" for its in (sent, file))
        for one, other in ((sent, file), (file, sent)):
            assert postgres.connection.sql(f"{one} except all {other}").fetchall() == [], table
    [about] = postgres.rows("select * from foryou.published_run")
    assert about[0] == run.run_id and about[2] == "ml-100k"


def test_types_that_postgres_lacks(another, postgres):
    run = another(
        "types",
        items="""
            select
                item_id,
                [1, null, 3]::utinyint[] as small,
                [0.5, 'nan'::float]::float[2] as fixed,
                [[1], [2, 3]] as ragged,
                {'a': 1, 'b': [true]} as struct,
                map {'k': 2} as map,
                18446744073709551615::ubigint as big,
                170141183460469231731687303715884105727::hugeint / 1000 as huge,
                12.50::decimal(9, 2) as price,
                'x' || chr(0) || 'y' as "a ""b"" c",
                'b'::enum ('a', 'b') as choice,
                interval 3 day as span,
                timestamptz '2026-01-02 03:04:05+00' as at,
                date '2026-01-02' as day,
                'ab'::blob as raw
        """,
    )
    send(run, "postgres")
    [row] = postgres.rows(
        """
        select
            small::text as small, fixed::text as fixed, ragged ->> 1 as ragged,
            struct ->> 'b' as struct, map ->> 'k' as map, big::text as big, price::text as price,
            "a ""b"" c" as zero, choice, span, at = '2026-01-02 03:04:05+00' as at,
            day::text as day, encode(raw, 'escape') as raw
        from foryou.items
        where item_id = '1'
        """
    )
    assert row == (
        *("{1,NULL,3}", "{0.5,NaN}", "[2, 3]", "[true]", "2", "18446744073709551615", "12.50"),
        *("x\ufffdy", "b", "3 days", True, "2026-01-02", "ab"),
    )


def test_postgres_readers_see_one_whole_run(another, postgres):
    runs = [another(name) for name in ("first", "second", "third", "fourth")]
    expected = {whole(run) for run in runs}
    send(runs[0], "postgres")
    seen: list[tuple] = []
    problems: list[Exception] = []
    done = threading.Event()

    def poll() -> None:
        with Reader(postgres.server) as reader:
            while not done.is_set():
                try:
                    seen.append(reader.visible())
                except duckdb.Error as error:
                    problems.append(error)
                time.sleep(0.01)

    readers = [threading.Thread(target=poll) for _ in range(2)]
    # A report that goes on all the time: it neither waits, nor holds anybody up, nor sees a change.
    with Reader(postgres.server) as report:
        report.connection.execute("begin")
        before = report.visible()
        for reader in readers:
            reader.start()
        for run in runs[1:]:
            send(run, "postgres")
            assert postgres.visible() == whole(run)
        # Of a table that it has not looked at yet, too.
        [(n_items,)] = report.rows("select count(*) as n_items from foryou.items")
        assert report.visible() == before == whole(runs[0])
        assert n_items == runs[0].manifest["tables"]["items"]["n_rows"]
    done.set()
    for reader in readers:
        reader.join()
    assert problems == [] and len(seen) > 20
    assert set(seen) <= expected and len(set(seen)) > 1


def test_killed_it_leaves_postgres_as_it_was(another, postgres):
    before, after = another("before"), another("after", small=False)
    send(before, "postgres")
    n_in_the_middle = 0
    for seconds in (0, 0.05, 0.15, 0.3):
        # Since it began its transaction, by the server's clock.
        lasts = (
            "select 1 as found from pg_stat_activity where xact_start is not null"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
            f" and clock_timestamp() - xact_start > interval '{seconds} seconds'"
        )
        kill_when(after, "postgres", lambda lasts=lasts: bool(postgres.rows(lasts)))
        # It is the other one only if it was killed after all was committed.
        assert postgres.visible() in (whole(before), whole(after))
        n_in_the_middle += postgres.visible() == whole(before)
    assert n_in_the_middle > 1
    subprocess.run(command(after, "postgres"), cwd=ROOT, check=True)
    assert postgres.visible() == whole(after)
    tables = "select tablename::text as name from pg_tables where schemaname = 'foryou'"
    assert {name for (name,) in postgres.rows(tables)} == {"published_run", *after.tables}


def test_a_server_that_goes_away_is_said_in_plain_words(another, postgres):
    before, after = another("before"), another("after", small=False)
    send(before, "postgres")
    process = subprocess.Popen(
        command(after, "postgres"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # What Postgres does to all of its connections when it is shut down.
    end = (
        "select pg_terminate_backend(pid) as ended from pg_stat_activity where"
        " backend_type = 'client backend' and pid <> pg_backend_pid()"
        " and query like 'COPY%\"user_items\"%' and state = 'active'"
    )
    while process.poll() is None and not postgres.rows(end):
        time.sleep(0.001)
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert "foryou: not sent to postgres: schema foryou: " in said and "Traceback" not in said
    assert postgres.visible() == whole(before)


def test_what_others_built_on_the_tables_stays(another, postgres):
    first, second = another("first"), another("second")
    send(first, "postgres")
    postgres.execute("drop role if exists app")
    postgres.execute("create role app")
    postgres.execute("grant select on foryou.recommendations to app")
    postgres.execute("create view foryou.best as select * from foryou.similar_items")
    postgres.execute("create table foryou.mine (x integer)")
    postgres.execute("insert into foryou.mine values (1)")
    send(second, "postgres")
    assert postgres.rows("select distinct source from foryou.best") == [("second",)]
    assert postgres.rows("select x from foryou.mine") == [(1,)]
    [granted] = postgres.rows(
        "select has_table_privilege('app', 'foryou.recommendations', 'select') as granted"
    )
    assert granted == (True,)
    assert send(second, "postgres") == "run second is there already, nothing was changed"
    postgres.execute("drop owned by app; drop role app")


def test_columns_and_tables_may_come_and_go(another, postgres):
    send(another("first"), "postgres")
    users = "select user_id, user_id || '!' as new"
    send(another("second", users=users, vectors=None), "postgres")
    assert postgres.rows("select * from foryou.users where user_id = '7'") == [
        ("7", None, None, "7!")
    ]
    assert postgres.rows("select count(*) as n from foryou.vectors") == [(0,)]
    send(another("third"), "postgres")
    assert postgres.rows(
        "select count(*) as n, count(user_key) as k, count(new) as new from foryou.users"
    ) == [(943, 943, 0)]
    assert postgres.rows("select count(*) > 0 as there from foryou.vectors") == [(True,)]
    with pytest.raises(NotSentError, match="foryou.users.user_key is integer and has become text"):
        send(another("fourth", users="select * replace ('x' as user_key)"), "postgres")
    assert postgres.visible()[0] == "third"


def test_tables_of_others_are_left_alone(another, postgres, monkeypatch):
    postgres.execute("create schema foryou")
    postgres.execute("create table foryou.items (x integer)")
    run = another("first")
    with pytest.raises(NotSentError, match="a table items that foryou did not make"):
        send(run, "postgres")
    monkeypatch.setenv("FORYOU_POSTGRES_SCHEMA", 'a"b')
    with pytest.raises(NotSentError, match="FORYOU_POSTGRES_SCHEMA is 'a\"b'"):
        send(run, "postgres")
    monkeypatch.setenv("FORYOU_POSTGRES_SCHEMA", "lists")
    send(run, "postgres")
    assert postgres.rows("select run_id from lists.published_run") == [("first",)]
    postgres.execute("drop schema lists cascade")


def test_a_lock_is_not_waited_for_for_ever(another, postgres, monkeypatch):
    monkeypatch.setattr("exports.targets.postgres.LOCK_TIMEOUT", "300ms")
    first, second = another("first"), another("second")
    send(first, "postgres")
    with Reader(postgres.server) as other:
        other.connection.execute("begin")
        other.execute("lock table foryou.published_run in exclusive mode")
        with pytest.raises(NotSentError, match="lock timeout; somebody has locked its tables"):
            send(second, "postgres")
        other.connection.execute("rollback")
    assert postgres.visible() == whole(first)
    send(second, "postgres")
    assert postgres.visible() == whole(second)


# Redis


def test_redis_holds_what_was_published(published, client):
    run = PublishedRun.open(published)
    said = send(run, "redis")
    expected = lists_published(run)
    assert said.startswith(f"{len(expected):,} lists under foryou:{run.run_id}:")
    assert client.get("foryou:current") == run.run_id
    assert lists_in(client, run.run_id) == expected
    about = json.loads(client.get(f"foryou:{run.run_id}:run"))
    assert about["run_id"] == run.run_id and sum(about["n_lists"].values()) == len(expected)
    before = {key: client.dump(key) for key in keys_of(client)}
    assert send(run, "redis") == f"run {run.run_id} is current already, nothing was changed"
    assert {key: client.dump(key) for key in keys_of(client)} == before


def test_redis_readers_see_one_whole_run(another, client):
    runs = [another(name) for name in ("first", "second", "third", "fourth")]
    send(runs[0], "redis")
    users = [name for name in lists_published(runs[0]) if name.startswith("recommendations:")]
    seen: set[str] = set()
    problems: list[tuple] = []
    done = threading.Event()

    def poll() -> None:
        n_read = 0
        while not done.is_set():
            run_id = client.get("foryou:current")
            seen.add(run_id)
            for user in (users[n_read % len(users)], users[-1]):
                found = client.get(f"foryou:{run_id}:{user}")
                sources = {entry["source"] for entry in json.loads(found or "[]")}
                if sources != {run_id}:
                    problems.append((run_id, user, sources))
            n_read += 1

    reader = threading.Thread(target=poll)
    reader.start()
    for run in runs[1:]:
        send(run, "redis")
    done.set()
    reader.join()
    assert problems == [] and len(seen) > 1


def test_runs_before_go_after_a_while(another, client):
    runs = [another(name) for name in ("first", "second", "third")]
    for run in runs:
        send(run, "redis")
    assert client.hgetall("foryou:runs") == {"third": "sent"}
    for run in runs[:2]:
        assert len(lists_in(client, run.run_id)) == len(lists_published(run))
    for key in keys_of(client):
        lives = client.ttl(key)
        if key.startswith(("foryou:first:", "foryou:second:")):
            assert 0 < lives <= GRACE_SECONDS, key
        else:
            assert lives == -1, key
    # Back to a run that was about to go: it stays.
    send(runs[0], "redis")
    assert client.ttl("foryou:first:recommendations:1") == -1
    assert 0 < client.ttl("foryou:third:recommendations:1") <= GRACE_SECONDS


def test_killed_it_leaves_redis_as_it_was(another, client):
    before, after = another("before", small=False), another("after", small=False)
    client.set("foryou-of-others:1", "x")
    send(before, "redis")
    n_lists = len(lists_published(before))
    halves = []
    for n_keys in (1, n_lists // 3, n_lists // 2, n_lists):
        kill_when(after, "redis", lambda n_keys=n_keys: client.dbsize() > n_lists + 6 + n_keys)
        current = client.get("foryou:current")
        assert current in ("before", "after")
        assert len(lists_in(client, current)) == n_lists
        halves.append(len(lists_in(client, "after")))
    assert any(0 < n_half < n_lists for n_half in halves)
    # What was killed in the middle of another run goes when the next is sent.
    client.hset("foryou:runs", "lost", "sending")
    client.set("foryou:lost:recommendations:1", "[]")
    subprocess.run(command(after, "redis"), cwd=ROOT, check=True)
    assert lists_in(client, "after") == lists_published(after)
    of_runs = ("foryou:after:", "foryou:before:")
    rest = {key for key in keys_of(client) if not key.startswith(of_runs)}
    assert rest == {"foryou:current", "foryou:runs", "foryou-of-others:1"}
    assert all(client.ttl(key) > 0 for key in keys_of(client) if key.startswith("foryou:before:"))
    assert all(client.ttl(key) == -1 for key in keys_of(client) if key.startswith("foryou:after:"))


def test_the_last_to_send_wins(another, client, monkeypatch):
    first, second, third = another("first"), another("second", small=False), another("third")
    send(first, "redis")
    of_the_file = exports.targets.redis.lists_of

    def overtaken(run, table):
        for nth, entry in enumerate(of_the_file(run, table)):
            if run.run_id == "second" and nth == 700:
                send(third, "redis")
            yield entry

    monkeypatch.setattr(exports.targets.redis, "lists_of", overtaken)
    with pytest.raises(NotSentError, match="another run was sent to the prefix foryou meanwhile"):
        send(second, "redis")
    assert client.get("foryou:current") == "third"
    assert lists_in(client, "second") == {}
    assert lists_in(client, "third") == lists_published(third)


def test_a_full_redis_keeps_the_run_before(another, client):
    first, second = another("first"), another("second", small=False)
    send(first, "redis")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 500_000)
    try:
        with pytest.raises(NotSentError, match="raise maxmemory"):
            send(second, "redis")
    finally:
        client.config_set("maxmemory", 0)
    assert client.get("foryou:current") == "first"
    assert lists_in(client, "second") == {}
    assert lists_in(client, "first") == lists_published(first)


def test_a_file_out_of_order_is_refused(another, client):
    run = another("shuffled", recommendations="select * replace (-rank as rank)")
    with pytest.raises(NotSentError, match="is not in the order of user_id and rank"):
        send(run, "redis")
    assert keys_of(client) == set()


def test_another_prefix(another, client, monkeypatch):
    run = another("first")
    monkeypatch.setenv("FORYOU_REDIS_PREFIX", "shop*")
    with pytest.raises(NotSentError, match=r"FORYOU_REDIS_PREFIX is 'shop\*'"):
        send(run, "redis")
    monkeypatch.setenv("FORYOU_REDIS_PREFIX", "shop")
    send(run, "redis")
    assert all(key.startswith("shop:") for key in keys_of(client))


# Both


def run_command(arguments: list[str], **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_what_cannot_be_reached_is_named_and_no_secret_told(
    published, postgres_running, redis_running
):
    run = PublishedRun.open(published)
    both = [*command(run, "postgres"), "--to", "redis"]
    hush = "hush-hush"
    broken = {"FORYOU_POSTGRES": f"host=127.0.0.1 password={hush} {hush}"}
    cases = [
        ({}, "FORYOU_POSTGRES is not set", "FORYOU_REDIS_URL is not set"),
        (
            {
                "FORYOU_POSTGRES": postgres_running.address(hush),
                "FORYOU_REDIS_URL": redis_running.url(hush),
            },
            "password authentication failed",
            "invalid username-password pair",
        ),
        (
            {
                "FORYOU_POSTGRES": f"postgresql://shop:{hush}@127.0.0.1:1/postgres",
                "FORYOU_REDIS_URL": f"redis://:{hush}@127.0.0.1:1/0",
            },
            "Connection refused",
            "connecting to 127.0.0.1:1",
        ),
        (
            broken | {"FORYOU_REDIS_URL": f"redis://:pa/{hush}@127.0.0.1:x/0"},
            "FORYOU_POSTGRES holds no connection string",
            "FORYOU_REDIS_URL holds no address",
        ),
    ]
    for environment, *said in cases:
        result = run_command(both, **environment)
        assert result.returncode == 1
        for words in (*said, "not sent to postgres", "not sent to redis", "stays published"):
            assert words in result.stdout
        assert hush not in result.stdout and "Traceback" not in result.stdout


def test_publish_sends_on(copy, tmp_path, postgres, client, redis_running):
    into = tmp_path / "published"
    publishing = [sys.executable, "-m", "exports.snapshot", "--into", str(into)]
    publishing += ["--to", "redis", "--to", "postgres"]
    environment = {"FORYOU_DATABASE": str(copy.database)}
    # Redis does not let it in; the rest is done all the same.
    refused = run_command(publishing, **environment, FORYOU_REDIS_URL=redis_running.url("wrong"))
    run_id = (into / "current").resolve().name
    assert refused.returncode == 1
    assert "foryou: not sent to redis: FORYOU_REDIS_URL: " in refused.stdout
    assert postgres.rows("select run_id from foryou.published_run") == [(run_id,)]
    result = run_command(publishing, **environment)
    assert result.returncode == 0, result.stdout
    assert client.get("foryou:current") == run_id
    for password in (PASSWORD, REDIS_PASSWORD):
        assert password not in refused.stdout + result.stdout


def test_only_a_whole_run_is_sent(another, tmp_path):
    with pytest.raises(NotSentError, match="holds no published run; `make publish` makes one"):
        PublishedRun.open(tmp_path)
    run = another("first")
    with run.file("items").open("ab") as file:
        file.write(b"x")
    with pytest.raises(NotSentError, match=r"items.parquet is not what the manifest says"):
        PublishedRun.open(run.folder)
    run.manifest["run_id"] = "a*:b"
    (run.folder / "manifest.json").write_text(json.dumps(run.manifest))
    with pytest.raises(NotSentError, match="run_id is no plain name"):
        PublishedRun.open(run.folder)
