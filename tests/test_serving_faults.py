"""Whatever breaks, the service answers and says by what; what it acknowledged is not lost."""

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from servers import free_port, redis_server
from serving_places import LIKE, Place, Process, ask, cut, garble, met, put, wait_for

from exports.serving.engine import STEPS, Request
from exports.serving.events import EventLog, LoggedEvent
from exports.serving.person import Event

PASSWORD = "pass-w0rd@of/the:test"
USERS = [str(user) for user in range(1, 21)]
pytestmark = pytest.mark.usefixtures("own_configuration")


# ---------- steps ----------


def test_each_step_serves_where_those_before_it_are_broken(place):
    """And never what the person has met."""
    run = place.run
    rows = pq.read_table(run / "user_items.parquet", columns=["user_id", "item_id"]).to_pylist()
    history = {row["item_id"] for row in rows if row["user_id"] == "1"}
    assert len(history) > 20

    def answers(step: str, of_nobody: str, *problems: str) -> None:
        with place.serving() as client:
            known = ask(client, "1")
            assert not history & {item["item_id"] for item in known["items"]}
            unknown = client.post("/recommendations", json={"likes": ["50", "172"], "k": 5}).json()
            assert len(unknown["items"]) == 5
            assert (known["served_by"], unknown["served_by"]) == (step, of_nobody)
            health = client.get("/health").json()
            assert set(health["problems"]) == set(problems)
            assert health["status"] == ("degraded" if problems else "ok")
            # It says what was missing on the way, step by step.
            above = STEPS[: STEPS.index(step)]
            assert [its.partition(":")[0] for its in known["degraded"]] == list(above)
            assert "" not in {item["reason"] for item in known["items"]}

    answers("pipeline", "pipeline")
    garble(run / "serving" / "ranker.json")
    answers("vectors", "vectors", "ranker")
    for file in (run / "index").iterdir():
        file.unlink()
    broken = ["ranker", "index of als", "index of two_tower"]
    # Whom nobody knows has no published list.
    answers("published", "cold_start", *broken)
    cut(run / "serving" / "lists" / "item_key.npy")
    answers("cold_start", "cold_start", *broken, "lists")
    cut(run / "cold_start_recommendations.parquet")
    answers("trending", "trending", *broken, "lists", "cold_start_recommendations")


def test_of_whom_nothing_is_known_nothing_is_missing(place):
    with place.serving() as client:
        answer = ask(client, "nobody whom anybody knows")
    assert answer["served_by"] == "cold_start" and answer["degraded"] == []


# What the run is refused without: the catalogue, who there is, and how all of it was made.
ESSENTIAL = {"items", "users", "items.parquet", "users.parquet", "manifest.json"}
ESSENTIAL |= {"parameters.json", "item_features.npy", "user_features.npy"}


def test_whatever_file_is_broken_there_is_an_answer(place):
    """A file of each folder, and all that stand alone: cut short, or gone."""
    run, whole = place.run, place.source
    names = {"items.parquet", "users.parquet", "manifest.json", "feature_definitions.parquet"}
    names.add("cold_start_recommendations.parquet")
    for top in ("serving", "index"):
        for folder in (run / top, *(its for its in (run / top).rglob("*") if its.is_dir())):
            files = sorted(str(its.relative_to(run)) for its in folder.iterdir() if its.is_file())
            names |= {*files} if folder == run / top else {*files[-1:]}
    assert len(names) > 35
    for nth, name in enumerate(sorted(names)):
        file = run / name
        cut(file) if nth % 2 else file.unlink()
        with place.serving() as client:
            answers = [
                client.get("/users/1/recommendations"),
                client.get("/users/unknown/recommendations"),
                client.get("/users/1/explain"),
                client.post("/recommendations", json={"answers": {"category": ["Drama"]}}),
                client.post("/events", json={"user_id": "2", "item_id": "50"} | LIKE),
                client.get("/users/2/recommendations"),
                client.get("/items/50/similar"),
            ]
            health = client.get("/health").json()
        codes = [answer.status_code for answer in answers]
        if {file.name, file.parent.name} & ESSENTIAL:
            assert codes == [503] * len(codes), name
            assert list(health["refused"]) == [run.name], name
            assert "`make publish`" in health["refused"][run.name]
        else:
            assert codes == [200, 200, 200, 200, 201, 200, 200], (name, answers)
            assert all(answer.json()["items"] for answer in [*answers[:4], answers[5]]), name
            assert len(health["problems"]) >= 1 and health["status"] == "degraded", name
        put(file, (whole / name).read_bytes())
        if name == "manifest.json":
            put(file, (whole / name).read_bytes().replace(whole.name.encode(), b"whole"))
    with place.serving() as client:
        assert client.get("/health").json()["status"] == "ok"
        assert ask(client, "1")["degraded"] == []


@pytest.mark.parametrize(
    ("name", "break_it", "part"),
    [
        ("index/als.faiss", cut, "index of als"),
        ("index/als.faiss", Path.unlink, "index of als"),
        ("index/two_tower.keys.npy", Path.unlink, "index of two_tower"),
        ("serving/vectors/als.item.npy", cut, "vectors of als"),
        ("serving/neighbors/cooccurrence/score.npy", garble, "neighbors of cooccurrence"),
        ("serving/two_tower.txt", garble, "vectors of two_tower"),
    ],
)
def test_a_broken_part_is_named(place, name, break_it, part):
    with place.serving() as client:
        whole = ask(client, "3")
    break_it(place.run / name)
    with place.serving() as client:
        health = client.get("/health").json()
        assert part in health["problems"] and health["status"] == "degraded"
        answer = ask(client, "3")
        # What is left still goes through the ranker, and says that something is missing.
        assert answer["served_by"] == "pipeline"
        if not part.startswith("neighbors"):
            assert part in answer["degraded"]
        # One who acted since is answered by what is left, too.
        event = {"user_id": "3", "item_id": whole["items"][0]["item_id"]} | LIKE
        assert client.post("/events", json=event).status_code == 201
        answer = ask(client, "3")
        assert answer["served_by"] == "pipeline"
        assert event["item_id"] not in {item["item_id"] for item in answer["items"]}


def test_what_cannot_be_read_of_a_person_leaves_their_list(place):
    """Without histories nobody is known: they get what they last got, less what they met since."""
    (place.run / "serving" / "histories" / "weight.npy").unlink()
    with place.serving() as client:
        before = ask(client, "1")
        assert before["served_by"] == "published"
        assert before["degraded"][0] == "person: ValueError"
        first = before["items"][0]["item_id"]
        client.post("/events", json={"user_id": "1", "item_id": first} | LIKE)
        after = ask(client, "1")
        assert first not in {item["item_id"] for item in after["items"]}
        assert after["items"][0]["item_id"] == before["items"][1]["item_id"]
        assert client.get("/users/1/explain").status_code == 200


# ---------- runs ----------


def test_nothing_is_published_until_it_is(place):
    run = place.run
    (place.published / "current").unlink()
    with place.serving() as client:
        for answer in (
            client.get("/users/1/recommendations"),
            client.get("/users/1/explain"),
            client.get("/items/1/similar"),
            client.get("/ready"),
            client.post("/recommendations", json={}),
            client.post("/events", json={"user_id": "1", "item_id": "1"} | LIKE),
        ):
            assert answer.status_code == 503 and "make publish" in answer.json()["detail"]
        health = client.get("/health")
        assert health.status_code == 200 and health.json()["run_id"] is None
        place.switch(run)
        wait_for(lambda: client.get("/ready").status_code == 200, "what was published is served")
        assert ask(client, "1")["run_id"] == run.name


def test_a_run_without_items_is_refused_and_the_one_before_is_served(place):
    with place.serving() as client:
        broken = place.add("broken")
        cut(broken / "items.parquet")
        place.switch(broken)
        wait_for(lambda: client.get("/health").json()["refused"], "the run is refused")
        health = client.get("/health").json()
        assert (health["status"], health["run_id"]) == ("degraded", "whole")
        assert str(broken) in health["refused"]["broken"]
        assert ask(client, "1")["run_id"] == "whole"
        # Published anew, it is looked at again; and what is served again needs no excuse.
        shutil.rmtree(broken)
        place.add("broken")
        wait_for(lambda: client.get("/health").json()["run_id"] == "broken", "it is served")
        assert client.get("/health").json()["status"] == "ok"


def test_a_run_that_was_refused_is_forgotten_with_it(place):
    whole = place.run
    with place.serving() as client:
        broken = place.add("broken")
        cut(broken / "items.parquet")
        for _ in range(2):
            place.switch(broken)
            wait_for(lambda: client.get("/health").json()["refused"], "the run is refused")
            place.switch(whole)
            wait_for(lambda: client.get("/health").json()["status"] == "ok", "all is well")


def test_runs_are_switched_under_load_with_no_failed_request(place):
    """Every answer is wholly of one run, whose folder may be gone by then."""
    n_runs, n_clients = 8, 3
    place.switch(place.add("run-0", titles="0: "))
    shutil.rmtree(place.published / "whole")
    seen: Counter[str] = Counter()
    wrong: list = []
    is_over = threading.Event()

    def go_on_asking(nth: int) -> None:
        with service.client() as client:
            while not is_over.is_set():
                for user in USERS[nth::n_clients]:
                    try:
                        answers = [
                            client.get(f"/users/{user}/recommendations"),
                            client.get("/items/50/similar"),
                            client.post("/recommendations", json={"likes": ["50"], "k": 5}),
                        ]
                        event = {"user_id": f"new-{nth}", "item_id": user} | LIKE
                        posted = client.post("/events", json=event)
                        if posted.status_code != 201:
                            wrong.append(posted.text)
                    except httpx.HTTPError as error:
                        wrong.append(error)
                        continue
                    for answer in answers:
                        content = answer.json()
                        run = content.get("run_id", "")
                        titles = {its["title"].partition(":")[0] for its in content["items"]}
                        if answer.status_code != 200 or titles != {run.partition("-")[2]}:
                            wrong.append((answer.status_code, content))
                        seen[run] += 1

    with Process(place, cache_seconds=300.0) as service:
        threads = [threading.Thread(target=go_on_asking, args=(nth,)) for nth in range(n_clients)]
        for thread in threads:
            thread.start()
        try:
            for nth in range(1, n_runs):
                before = place.run
                run = place.add(f"run-{nth}", titles=f"{nth}: ")
                place.switch(run)
                wait_for(lambda run=run: seen[run.name] or wrong, f"{run.name} is served")
                shutil.rmtree(before)
                now = sum(seen.values())
                wait_for(lambda now=now: sum(seen.values()) > now + 20 or wrong, "it goes on")
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
    assert not wrong, wrong[:3]
    assert set(seen) == {f"run-{nth}" for nth in range(n_runs)}
    assert sum(seen.values()) > 20 * n_runs


# ---------- events ----------


def test_an_acknowledged_event_survives_kill_9(place, warehouse):
    """And a last line that was torn does no harm, here or in the build."""
    # Ids are data: to JSON, to CSV, and to whoever looks for the end of a line.
    users = [f'Zoë \\x01 # "{nth}"\u2028,\t\\' for nth in range(6)]
    items = [str(item) for item in range(1, 150)]
    acknowledged: dict[str, list[str]] = {user: [] for user in users}
    n_acknowledged = 0

    def go_on_posting(user: str) -> None:
        nonlocal n_acknowledged
        with service.client() as client, contextlib.suppress(httpx.TransportError):
            for item in items:
                event = {"user_id": user, "item_id": item, "event_id": f"{user} {item}"} | LIKE
                if client.post("/events", json=event).status_code == 201:
                    acknowledged[user].append(item)
                    n_acknowledged += 1

    with Process(place) as service:
        threads = [threading.Thread(target=go_on_posting, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        wait_for(lambda: n_acknowledged >= 150, "events are acknowledged")
        service.process.kill()
        for thread in threads:
            thread.join()
    assert n_acknowledged < len(users) * len(items), "it was killed when all was over"
    logged = Counter(row["event_id"] for row in place.logged())
    wanted = {f"{user} {item}" for user, its in acknowledged.items() for item in its}
    assert wanted <= set(logged)

    [file] = place.events.glob("*/*.jsonl")
    n_lines = len(place.logged())
    whole = file.read_bytes()
    last_line = whole[: whole.rindex(b"\n") + 1].splitlines()[-1]
    # In the middle of the user's id, where the name has two bytes in UTF-8.
    torn = last_line[: last_line.index(b"Zo") + 4]
    file.write_bytes(whole[: whole.rindex(b"\n") + 1] + torn)

    with Process(place) as service, service.client() as client:
        for user, its in acknowledged.items():
            assert set(its) <= set(met(client, user, items))
        answer = client.post("/events", json={"user_id": "late", "item_id": "1"} | LIKE)
        [late] = answer.json()["event_ids"]

    result = warehouse.dbt(
        *("run", "--select", "stg_event_log__interactions"), event_log=str(place.events)
    )
    assert result.returncode == 0, result.stdout
    [(name,)] = warehouse.rows(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_name = 'stg_event_log__interactions'"
    )
    rows = warehouse.rows(f"select event_id, user_id, item_id, surplus_text from {name}")
    assert len(rows) == n_lines + 2
    read = {row[0]: row[1:3] for row in rows}
    assert wanted | {late} <= set(read)
    assert all(
        read[f"{user} {item}"] == (user, item) for user, its in acknowledged.items() for item in its
    )
    assert [row for row in rows if row[3] is not None] == [(None, None, None, torn.decode())]


def post(client, event_ids: list[str]) -> httpx.Response:
    return client.post(
        "/events",
        json=[
            {"user_id": "full", "item_id": str(nth), "event_id": its} | LIKE
            for nth, its in enumerate(event_ids, 1)
        ],
    )


def is_refused_whole(place: Place, client, event_ids: list[str], n_bytes: int) -> None:
    """Nothing of it stands in the log or counts, and what is asked is answered."""
    answer = post(client, event_ids)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert "make room" in answer.json()["detail"]
    assert sum(file.stat().st_size for file in place.events.glob("*/*.jsonl")) == n_bytes
    assert met(client, "full", ["1", "2", "50"]) == ["1"]
    assert ask(client, "1")["served_by"] == "pipeline"


def test_a_full_disk_refuses_events_and_loses_none(place):
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can make a disk that is small")
    place.events.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place.events)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with place.serving() as client:
            assert post(client, ["before"]).status_code == 201
            [file] = place.events.glob("*/*.jsonl")
            n_bytes = file.stat().st_size
            filler = place.events / "filler"
            with filler.open("wb", buffering=0) as full, contextlib.suppress(OSError):
                while full.write(b"x" * 1024):
                    pass
            # The last page of the file has room for some of them.
            for _ in range(3):
                is_refused_whole(place, client, [f"refused-{n}" for n in range(100)], n_bytes)
            assert list(place.events.glob("*/*.jsonl")) == [file]
            filler.unlink()
            assert post(client, ["after", "and more"]).status_code == 201
            assert met(client, "full", ["1", "2", "50"]) == ["1", "2"]
        assert sorted(row["event_id"] for row in place.logged()) == ["after", "and more", "before"]
    finally:
        subprocess.run(["umount", str(place.events)], check=True)


def test_a_file_that_may_not_grow_refuses_events_and_loses_none(place):
    """The same without a disk: the system lets the process write no file beyond a size."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with Process(place) as service, service.client() as client:

        def limit(n_bytes: int) -> None:
            size = (n_bytes, resource.RLIM_INFINITY)
            resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, size)

        assert post(client, ["before"]).status_code == 201
        [file] = place.events.glob("*/*.jsonl")
        n_bytes = file.stat().st_size
        limit(n_bytes + 300)  # one of them fits, and half of another
        is_refused_whole(place, client, ["refused-1", "refused-2"], n_bytes)
        limit(100)
        is_refused_whole(place, client, ["refused-3"], n_bytes)
        assert list(place.events.glob("*/*.jsonl")) == [file]
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert post(client, ["after", "and more"]).status_code == 201
        assert met(client, "full", ["1", "2", "50"]) == ["1", "2"]
    assert sorted(row["event_id"] for row in place.logged()) == ["after", "and more", "before"]


def test_who_waits_for_the_log_is_told_whatever_happens(tmp_path, monkeypatch):
    def event(event_id: str) -> LoggedEvent:
        return LoggedEvent(event_id, Event("1", "1", "rating", 5.0, 1e9), 1e9)

    async def append() -> None:
        log = EventLog(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(LoggedEvent, "line", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(log.append([event("lost")]), 5)
        await asyncio.wait_for(log.append([event("kept")]), 5)
        assert [its.event_id for its in log.since(0.0)] == ["kept"]
        log.close()

    asyncio.run(append())


DAY = 86_400.0


def test_a_clock_that_steps_back_changes_no_order_and_forgets_nothing(place, monkeypatch):
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock)
    # The build read the log half an hour ago, by the right clock.
    place.switch(place.add("read", events_until=clock - 1800, event_log=str(place.events)))

    def likes(client) -> list[str]:
        answer = client.get("/users/ticker/explain", params={"k": 1}).json()
        return [its["item_id"] for its in answer["last_likes"]]

    def say(client, item: str, value: float) -> None:
        event = {"user_id": "ticker", "item_id": item, "event_type": "rating", "value": value}
        assert client.post("/events", json=event).status_code == 201

    with place.serving() as client:
        say(client, "50", 5.0)
        clock -= DAY
        say(client, "172", 5.0)
        say(client, "50", 1.0)  # the last word on it
        assert likes(client) == ["172"]
    for _ in range(2):
        clock -= DAY
        with place.serving() as client:
            assert likes(client)[-1] == "172"
            say(client, str(200 + int(_)), 5.0)
    with place.serving() as client:
        assert likes(client) == ["201", "200", "172"]
        place.switch(place.add("same", events_until=clock + DAY, event_log=str(place.events)))
        wait_for(lambda: client.get("/health").json()["run_id"] == "same", "it is served")
        assert likes(client) == ["201", "200", "172"]
    rows = sorted(place.logged(), key=lambda row: row["received_at"])
    assert [row["item_id"] for row in rows] == ["50", "172", "50", "200", "201"]
    assert len({row["received_at"] for row in rows}) == len(rows)


def test_what_comes_after_the_build_is_kept_though_the_clock_says_it_came_before(
    place, monkeypatch
):
    built_at = time.time()
    place.switch(place.add("first", events_until=built_at, event_log=str(place.events)))
    monkeypatch.setattr(time, "time", lambda: built_at - DAY)
    event = {"user_id": "ticker", "item_id": "50"} | LIKE
    with place.serving() as client:
        assert client.post("/events", json=event).status_code == 201
        place.switch(place.add("second", events_until=built_at, event_log=str(place.events)))
        wait_for(lambda: client.get("/health").json()["run_id"] == "second", "it is served")
        assert met(client, "ticker", ["50"]) == ["50"]
    # The system dates files by the same clock.
    for file in place.events.glob("*/*.jsonl"):
        os.utime(file, (built_at - DAY, built_at - DAY))
    with place.serving() as client:
        assert met(client, "ticker", ["50"]) == ["50"]
        # The next build has read it.
        place.switch(place.add("third", events_until=built_at + 1, event_log=str(place.events)))
        wait_for(lambda: client.get("/health").json()["run_id"] == "third", "it is served")
        assert met(client, "ticker", ["50"]) == []


def test_a_build_that_reads_no_log_forgets_no_event(place):
    event = {"user_id": "ticker", "item_id": "50"} | LIKE
    with place.serving() as client:
        assert client.post("/events", json=event).status_code == 201
    place.switch(place.add("deaf", events_until=time.time() + 1, event_log=None))
    with place.serving() as client:
        assert met(client, "ticker", ["50"]) == ["50"]


def test_answers_and_limits_run_out_though_the_clock_steps_back(place, monkeypatch):
    with place.serving(cache_seconds=0.5, rate_limit="3/second") as client:
        # All within one window, which begins now.
        time.sleep(1 - time.monotonic() % 1)
        asked = [client.get("/users/1/recommendations") for _ in range(4)]
        assert [its.status_code for its in asked] == [200, 200, 200, 429]
        assert [its.headers["X-Cache"] for its in asked[:3]] == ["miss", "hit", "hit"]
        assert asked[3].headers["Retry-After"] == "1"
        an_hour_ago = time.time() - 3600
        monkeypatch.setattr(time, "time", lambda: an_hour_ago)
        time.sleep(1.01)
        again = client.get("/users/1/recommendations")
        assert (again.status_code, again.headers["X-Cache"]) == (200, "miss")


# ---------- Redis, and the feature store ----------


def test_redis_stops_and_starts_in_the_middle(place, tmp_path):
    port = free_port()
    with redis_server(tmp_path, PASSWORD, port) as server:
        url = server.url(PASSWORD)
    with place.serving(redis_url=url, cache_seconds=300) as client:
        cache = client.app.state.service.cache
        cache._pause = 0.3

        def ask_all() -> tuple[list, list, float]:
            began, slowest, answers, hits = 0.0, 0.0, [], []
            for user in USERS:
                began = time.monotonic()
                answer = client.get(f"/users/{user}/recommendations")
                slowest = max(slowest, time.monotonic() - began)
                assert answer.status_code == 200
                answers.append(answer.json())
                hits.append(answer.headers["X-Cache"])
            return answers, hits, slowest

        hit, miss = ["hit"] * len(USERS), ["miss"] * len(USERS)
        with redis_server(tmp_path, PASSWORD, port):
            first, hits, _ = ask_all()
            assert hits == miss and cache.is_reached
            assert ask_all()[:2] == (first, hit)
        # Gone: the same answers, which this process keeps from now on, and nobody waits.
        answers, hits, slowest = ask_all()
        assert (answers, hits) == (first, miss) and not cache.is_reached
        assert slowest < 1
        assert ask_all()[:2] == (first, hit)
        event = {"user_id": "1", "item_id": first[0]["items"][0]["item_id"]} | LIKE
        assert client.post("/events", json=event).status_code == 201
        assert ask(client, "1")["items"] != first[0]["items"]
        with redis_server(tmp_path, PASSWORD, port):
            time.sleep(0.4)
            answers, hits, _ = ask_all()
            assert hits == miss and cache.is_reached and answers[1:] == first[1:]
            assert ask_all()[:2] == (answers, hit)


def test_two_services_with_one_redis_do_not_take_each_others_answers(place, tmp_path):
    """Each knows of another event: of one person, and as many."""
    with redis_server(tmp_path, PASSWORD) as server:
        url = server.url(PASSWORD)
        other = Place(tmp_path / "other", place.source)
        other.folder.mkdir()
        (other.folder / "published").symlink_to(place.published)
        with (
            place.serving(redis_url=url, cache_seconds=300) as one,
            other.serving(redis_url=url, cache_seconds=300) as two,
        ):
            first, second = (item["item_id"] for item in ask(one, "1")["items"][:2])
            for client, item in ((one, first), (two, second)):
                client.post("/events", json={"user_id": "1", "item_id": item} | LIKE)
                assert item not in {its["item_id"] for its in ask(client, "1")["items"]}


@pytest.fixture(scope="module")
def online(published, tmp_path_factory) -> Iterator[Path]:
    """The repository of Feast with the published run online, to be copied."""
    feature_store = pytest.importorskip("exports.feature_store")
    place = Place(tmp_path_factory.mktemp("features"), published)
    place.published.mkdir()
    # Its own name: every row online says which run it is of.
    place.switch(place.add(published.name))
    repository = place.folder / "features"
    shutil.copytree(
        ROOT / "features", repository, ignore=shutil.ignore_patterns("data", "__pycache__")
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FORYOU_ONLINE_STORE", "FORYOU_REDIS_URL", "FORYOU_PUBLISHED"):
            patch.delenv(name, raising=False)
        feature_store.materialize(place.published, repository)
        yield repository


@pytest.fixture
def repository(online, tmp_path) -> Path:
    """The same, for one test: nobody else has its files open."""
    return shutil.copytree(online, tmp_path / "features")


def lists(client) -> list[dict]:
    return [ask(client, user)["items"] for user in USERS]


def failures(client, reason: str) -> float:
    prefix = f'foryou_feature_store_failures_total{{reason="{reason}"}} '
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(prefix):
            return float(line.removeprefix(prefix))
    return 0.0


def test_features_of_the_store_make_the_same_lists(place, repository):
    place.switch(place.add(place.source.name))
    with place.serving() as client:
        published = lists(client)
        engine = client.app.state.service.engine
        person = engine.person(Request("1"))
    with place.serving(feature_store=repository) as client:
        assert lists(client) == published
        engine = client.app.state.service.engine
        stored = engine.user_features(engine.run, "1")
        assert {*stored} == {
            feature
            for kind in ("numeric", "category")
            for feature, _ in engine.run.features_of("user_features", kind)
        }
        told = engine.person(Request("1"))
        assert told.categories == person.categories and told.segment == person.segment
        np.testing.assert_equal(told.numbers, person.numbers)
        # It is the store that is heeded: another value there is another value here.
        engine.user_features = lambda run, user: stored | {"user_n_interactions": 1.0}
        assert engine.person(Request("1")).numbers["n_interactions"] == 1.0
        # Of one who acted since, it knows nothing yet.
        client.post("/events", json={"user_id": "1", "item_id": "1"} | LIKE)
        assert engine.person(Request("1")).numbers["n_interactions"] != 1.0
    # Of another run it says nothing.
    place.switch(place.add("another"))
    with place.serving(feature_store=repository) as client:
        before = failures(client, "another_run")
        engine = client.app.state.service.engine
        assert engine.user_features(engine.run, "1") is None
        assert failures(client, "another_run") == before + 1


def test_a_locked_store_is_left_alone(place, repository, caplog):
    place.switch(place.add(place.source.name))
    with place.serving() as client:
        published = lists(client)
    with place.serving(feature_store=repository) as client:
        before = failures(client, "locked")
        database = repository / "data" / "online.db"
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("pragma locking_mode = exclusive")
            connection.execute("create table mine (id integer)")
            began = time.monotonic()
            caplog.clear()
            assert lists(client) == published
            # Asked once, and then not before some seconds have passed.
            assert time.monotonic() - began < 3
            assert failures(client, "locked") == before + 1
            said = [its for its in caplog.records if "published features" in its.getMessage()]
            assert len(said) == 1 and "locked" in said[0].getMessage()
            connection.execute("drop table mine")
        engine = client.app.state.service.engine
        assert engine.user_features(engine.run, "1") is None
        engine.user_features._left_alone_until = 0.0
        assert engine.user_features(engine.run, "1") is not None


@pytest.mark.parametrize("is_repository", [True, False])
def test_a_store_that_is_missing_is_not_missed(place, tmp_path, is_repository):
    repository = tmp_path / "features"
    if is_repository:
        ignored = shutil.ignore_patterns("data", "__pycache__")
        shutil.copytree(ROOT / "features", repository, ignore=ignored)
    with place.serving() as client:
        published = lists(client)
    with place.serving(feature_store=repository) as client:
        assert lists(client) == published
        assert failures(client, "missing") >= 1
        assert client.get("/health").status_code == 200
