"""The online service serves what the build would: and more, once something has happened."""

import asyncio
import json
from dataclasses import replace

import httpx
import numpy as np
import pytest

from exports.serving.app import create_app
from exports.serving.engine import Engine, Request
from exports.serving.events import Event, LoggedEvent, RecentEvents
from exports.serving.exact import decimals, exact_sums, inner_products
from exports.serving.features import features_of
from exports.serving.person import nobody, person_of
from exports.serving.pool import lists_without_vectors, nightly_pool, pooled
from exports.serving.run import Run
from exports.serving.service import Service
from exports.serving.settings import Settings
from exports.snapshot import publish

LIVE = "select * from recommendations.recommendations where fold = 'live'"
WORDS = ("item_id", "score", "source", "slot", "reason", "reason_item_id")
RERANKED = (
    *("--exclude-resource-types", "test", "unit_test"),
    *("--select", "ranker_choice", "served_candidates", "foryou.recommendations"),
)
RULES = """
    insert into seeds.business_rules by name (
        from (values
            ('r1', 'exclude', 'item', '50', null, null),
            ('r2', 'exclude', 'category', 'Horror', null, null),
            ('r3', 'boost', 'category', 'Drama', 1.3, null),
            ('r4', 'bury', 'category', 'Comedy', 0.5, null),
            ('r5', 'boost', 'item', '100', 1.7, null),
            ('r6', 'pin', 'item', '1', 3, 'Our pick'),
            ('r7', 'pin', 'item', '181', 9, 'Second'),
            ('r8', 'pin', 'item', '172', 17, 'Third')
        ) as rules (rule_id, action, target_kind, target, value, reason)
    );
    insert into seeds.sponsored_items by name (
        from (values ('750', 0.5, 'Ad'), ('751', 1.0, 'Another ad'), ('258', 0.9, null))
            as sponsored (item_id, max_share, reason)
    );
"""
SPONSORED = {"freshness_boost": 0.5, "freshness_half_life_days": 4000, "sponsored_slots": [4, 8]}


pytestmark = pytest.mark.usefixtures("own_configuration")


@pytest.fixture(scope="module")
def run(published) -> Run:
    """The default data, opened; nobody changes it."""
    return Run(published)


@pytest.fixture
def engine(run) -> Engine:
    return Engine(run, RecentEvents())


def lists_of(warehouse) -> dict[str, list[tuple]]:
    """User → what the build shows: item, score, source, slot, reason, item of the reason."""
    lists: dict[str, list[tuple]] = {}
    for user_id, *words in warehouse.rows(
        f"select user_id, {', '.join(WORDS)} from ({LIVE}) order by user_id, rank"
    ):
        lists.setdefault(user_id, []).append(tuple(words))
    return lists


def served(engine: Engine, user_id: str, **wishes) -> list[tuple]:
    answer = engine.recommend(Request(user_id, **wishes))
    assert answer.served_by == "pipeline" and answer.degraded == []
    assert [item["rank"] for item in answer.items] == list(range(1, len(answer.items) + 1))
    return [tuple(item[word] for word in WORDS) for item in answer.items]


def like(user_id: str, item_id: str, at: float = 2e9, value: float = 5.0) -> LoggedEvent:
    event = Event(user_id, item_id, "rating", value, at)
    return LoggedEvent(f"{user_id}-{item_id}-{at}", event, at)


# ---------- what the build would serve ----------


def test_everybody_is_served_the_published_list(built, engine):
    lists = lists_of(built)
    assert len(lists) == 943
    assert {user_id: served(engine, user_id) for user_id in lists} == lists


@pytest.mark.parametrize(
    "variables",
    [
        {"diversity_lambda": 0.7, "max_per_attribute": {"category": 6}},
        {"dedupe_attribute": "category", "served_ranker": "blend"},
    ],
    ids=["diversity and caps", "variants, ranked by the blend"],
)
def test_rules_are_the_same(copy, tmp_path, variables):
    import duckdb

    with duckdb.connect(str(copy.database)) as connection:
        connection.execute(RULES)
    copy.build(*RERANKED, **SPONSORED, **variables)
    engine = Engine(Run(publish(copy.database, tmp_path / "published")), RecentEvents())
    lists = lists_of(copy)
    slots = {slot for rows in lists.values() for _, _, _, slot, _, _ in rows}
    assert slots == {"ranked", "fresh", "cold_start", "pinned", "sponsored", "explore"}
    some = list(lists)[::3]
    assert {user_id: served(engine, user_id) for user_id in some} == {
        user_id: lists[user_id] for user_id in some
    }


def test_features_are_those_of_the_build(built, engine):
    """Training and serving agree on 10,000 pairs of user and item, to the bit."""
    run = engine.run
    names = run.ranker.columnar.numbers
    n_pairs = 0
    for user_id in list(run.user_keys)[::47]:
        person = engine.person(Request(user_id))
        found = engine.candidates(person)
        features, categories = features_of(run, run.ranker, person, found.pool, found.vectors)
        rows = built.rows(
            f"select item_key, user_segment, {', '.join(names)} from ranking.ranking_features"
            " where fold = 'live' and user_key = $1 order by item_key",
            [person.user_key],
        )
        order = np.argsort(found.pool.items)
        assert [row[0] for row in rows] == found.pool.items[order].tolist()
        expected = np.array([row[2:] for row in rows], dtype=np.float64).astype(np.float32)
        np.testing.assert_array_equal(features[order], expected)
        vocabulary = run.ranker.columnar.vocabularies["user_segment"]
        assert set(categories[:, 0]) == {
            vocabulary.index(rows[0][1]) if rows[0][1] in vocabulary else -1
        }
        n_pairs += len(rows)
    assert n_pairs >= 10_000


def test_sources_give_the_lists_of_the_build(built, run):
    k = run.parameters["candidates_k"]
    for user_id in list(run.user_keys)[::31]:
        person = person_of(run, user_id, [])
        rows = built.rows(
            "select source, item_key, score from candidates.candidates"
            " where fold = 'live' and user_key = $1 order by source, rank",
            [person.user_key],
        )
        of_build: dict[str, tuple[list, list]] = {}
        for source, item, score in rows:
            items, scores = of_build.setdefault(source, ([], []))
            items.append(item)
            scores.append(score)
        lists = lists_without_vectors(run, person, k)
        assert set(lists) >= {"popular", "trending", "cooccurrence", "transitions", "rp3beta"}
        for source, (items, scores) in lists.items():
            assert (items.tolist(), scores.tolist()) == of_build.get(source, ([], [])), source
        arrays = {
            source: (np.array(items), np.array(scores))
            for source, (items, scores) in of_build.items()
        }
        pool, nightly = pooled(run, arrays), nightly_pool(run, person.user_key)
        np.testing.assert_array_equal(pool.items, nightly.items)
        np.testing.assert_array_equal(pool.scores, nightly.scores)
        for source in arrays:
            np.testing.assert_array_equal(pool.ranks[source], nightly.ranks[source])
            np.testing.assert_array_equal(pool.relative[source], nightly.relative[source])


def test_vectors_made_anew_are_those_of_the_build(engine):
    for source, largest in (("als", 1e-4), ("two_tower", 1e-5)):
        its = engine.vectors[source]
        for user_id in list(engine.run.user_keys)[::31]:
            person = person_of(engine.run, user_id, [])
            nightly, anew = its.of(person), its.of(replace(person, is_changed=True))
            assert (nightly is None) == (anew is None)
            if nightly is not None:
                assert np.abs(nightly - anew).max() <= largest * np.abs(nightly).max()


def test_sums_and_products_are_those_of_duckdb():
    import duckdb

    random = np.random.default_rng(0)
    values, groups = random.random(100_000) * 3 - 1, random.integers(0, 9_000, 100_000)
    rows = duckdb.sql("select unnest($v) as v, unnest($g) as g", params={"v": values, "g": groups})
    for scale in (9, 12, 13, 15):
        sums = rows.query(
            "rows",
            f"select cast(sum(cast(v as decimal(18, {scale}))) as double) from rows"
            " group by g order by g",
        ).fetchnumpy()
        [expected] = sums.values()
        found = exact_sums(values, groups, 9_000, scale)[np.unique(groups)]
        np.testing.assert_array_equal(found, expected)
    assert decimals(np.array([0.5, 1.5, -0.5]), 0).tolist() == [1, 2, -1]
    vectors = random.normal(size=(50, 65)).astype(np.float32)
    expected = [
        duckdb.execute(
            "select list_inner_product($1::float[], $2::float[])",
            [row.tolist(), vectors[0].tolist()],
        ).fetchone()[0]
        for row in vectors
    ]
    assert inner_products(vectors, vectors[0]).tolist() == expected


# ---------- what has happened since ----------


def test_the_next_answer_heeds_an_event(engine):
    user_id = "363"
    before = served(engine, user_id)
    first = before[0][0]
    engine.events.add([like(user_id, first)])
    after = served(engine, user_id)
    assert first not in [row[0] for row in after] and after != before
    # Who else is asked is served what was published.
    assert engine.person(Request("1")).is_changed is False


def test_somebody_new_is_known_by_the_first_events(engine):
    assert engine.recommend(Request("somebody")).served_by == "cold_start"
    # Alien, Terminator, Terminator 2
    engine.events.add(
        [like("somebody", item_id, 2e9 + n) for n, item_id in enumerate(["183", "195", "96"])]
    )
    shown = served(engine, "somebody")
    assert len(shown) == 20
    assert {"183", "195", "96"}.isdisjoint(row[0] for row in shown)
    categories = [
        {attribute for kind, attribute in engine.run.attributes_of(engine.run.item_keys[row[0]])}
        for row in shown
    ]
    assert sum("Action" in its or "Sci-Fi" in its for its in categories) >= 10
    assert all(row[4].startswith("Because you liked") for row in shown[:5])


def test_features_after_events_are_counted_on(run):
    before = person_of(run, "363", [])
    cutoff = run.parameters["cutoff_at"]
    events = [
        Event("363", "1", "rating", 5.0, cutoff + 86_400),
        Event("363", "2", "rating", 1.0, cutoff + 90_000),
    ]
    after = person_of(run, "363", events)
    assert after.numbers["n_interactions"] == before.numbers["n_interactions"] + 2
    assert after.likes[0] == run.item_keys["1"] and run.item_keys["2"] not in after.likes
    assert after.numbers["n_positives"] == len(after.likes)
    assert after.numbers["days_since_last_interaction"] == 0.0
    assert after.numbers["like_rate"] == len(after.likes) / len(after.met)
    # The same likes give the same means as the build's SQL.
    for name in ("mean_log_popularity", "mean_liked_age_days", "mean_release_day"):
        again = person_of(
            run, "363", [Event("363", run.item_ids[int(before.met[0])], "shown", None, cutoff)]
        )
        assert again.numbers[name] == pytest.approx(before.numbers[name], rel=1e-6), name


def test_an_event_takes_a_like_back(run):
    liked = person_of(run, "363", []).likes[0]
    event = Event("363", run.item_ids[int(liked)], "rating", 1.0, 2e9)
    assert liked not in person_of(run, "363", [event]).likes


# ---------- wishes ----------


def test_categories_exclusions_and_context(engine):
    run = engine.run
    horror = engine.recommend(Request("363", k=10, category="Horror")).items
    assert len(horror) == 10
    for item in horror:
        assert ("category", "Horror") in run.attributes_of(run.item_keys[item["item_id"]])
    left_out = tuple(item["item_id"] for item in horror[:3])
    others = engine.recommend(Request("363", k=10, category="Horror", exclude=left_out)).items
    assert not {item["item_id"] for item in others} & set(left_out)
    plain = engine.recommend(Request("363")).items
    beside = engine.recommend(Request("363", context="588")).items
    assert [item["item_id"] for item in plain] != [item["item_id"] for item in beside]
    assert "588" not in [item["item_id"] for item in beside]
    # Asked for once, it is not remembered.
    assert engine.recommend(Request("363")).items == plain


@pytest.mark.parametrize("k", [1, 7, 20, 100])
def test_a_list_is_as_long_as_it_is_asked_to_be(engine, k):
    for request in (Request("363", k=k), Request("nobody", k=k), Request(k=k)):
        answer = engine.recommend(request)
        ids = [item["item_id"] for item in answer.items]
        assert len(ids) == len(set(ids)) == k


def test_without_an_account(engine):
    chosen = engine.recommend(Request(answers=(("category", "Film-Noir"),), k=20))
    assert chosen.served_by == "pipeline"
    reasons = [item["reason"] for item in chosen.items]
    assert reasons.count("Because you chose Film-Noir") >= 5
    liking = engine.recommend(Request(likes=("50", "181"), k=5))
    assert liking.served_by == "pipeline"
    assert {"50", "181"}.isdisjoint(item["item_id"] for item in liking.items)


def test_an_explanation_adds_up(engine):
    explained = engine.explain(Request("363"), [])
    assert [item["rank"] for item in explained["items"]] == list(range(1, 21))
    first = explained["items"][0]
    assert first["sources"] and first["features"] and first["rank_by_ranker"] == 1
    assert {its["source"] for its in first["sources"]} <= set(engine.run.parameters["sources"])
    met = engine.run.item_ids[int(person_of(engine.run, "363", []).met[0])]
    [known] = engine.explain(Request("363"), [met])["items"]
    assert known["has_met"] and known["rank"] is None


def test_nobody_at_all_is_shown_the_trend(run):
    assert nobody(run).is_blank
    answer = Engine(run, RecentEvents()).recommend(Request())
    assert answer.served_by == "cold_start" and len(answer.items) == 20


# ---------- over HTTP ----------


def asked(settings: Settings, questions) -> list:
    """Ask a service that starts and stops around it."""

    async def ask():
        app = create_app(settings)
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return await questions(client)

    return asyncio.run(ask())


@pytest.fixture
def settings(published, tmp_path) -> Settings:
    return Settings(published=published.parent, events=tmp_path / "events")


def test_answers_are_kept_until_something_happens(settings):
    async def questions(client):
        path = "/users/363/recommendations"
        answers = [await client.get(path), await client.get(path)]
        await client.post(
            "/events",
            json={"user_id": "363", "item_id": "1", "event_type": "rating", "value": 5},
        )
        return [*answers, await client.get(path), await client.get(path)]

    answers = asked(settings, questions)
    assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit", "miss", "hit"]
    assert answers[0].content == answers[1].content != answers[2].content == answers[3].content
    shown = [item["item_id"] for item in answers[0].json()["items"]]
    assert len(shown) == 20


def test_what_was_posted_is_known_after_a_restart(settings):
    event = {"user_id": "new", "item_id": "50", "event_type": "rating", "value": 5}

    async def post(client):
        return await client.post("/events", json=[event, event | {"item_id": "181"}])

    async def get(client):
        return await client.get("/users/new/explain?k=3")

    acknowledged = asked(settings, post)
    assert acknowledged.status_code == 201 and acknowledged.json()["n_events"] == 2
    likes = asked(settings, get).json()["last_likes"]
    assert [like["item_id"] for like in likes] == ["181", "50"]


def test_what_is_no_event_is_refused(settings):
    good = {"user_id": "a", "item_id": "50", "event_type": "rating", "value": 5}

    async def questions(client):
        return [
            (await client.post("/events", json=body)).status_code
            for body in (
                good | {"value": 9},
                {name: value for name, value in good.items() if name != "value"},
                good | {"value": "much"},
                good | {"occurred_at": "yesterday"},
                good | {"user_id": ""},
                [],
                good,
            )
        ]

    assert asked(settings, questions) == [422] * 6 + [201]
    [log] = (settings.events / "ml-100k").glob("*.jsonl")
    assert len(log.read_bytes().splitlines()) == 1


def test_the_next_build_reads_what_was_posted(settings, copy):
    async def post(client):
        return await client.post(
            "/events",
            json=[
                {"user_id": 'O\'Hara "7"', "item_id": "50", "event_type": "rating", "value": 5,
                 "event_id": "once"},
                {"user_id": 'O\'Hara "7"', "item_id": "50", "event_type": "rating", "value": 5,
                 "event_id": "once"},
                {"user_id": "363", "item_id": "1", "event_type": "rating", "value": 4.5},
            ],
        )  # fmt: skip

    assert asked(settings, post).status_code == 201
    result = copy.dbt(
        *("run", "--select", "stg_event_log__interactions"),
        "stg_event_log__interactions+,foryou.inputs",
        event_log=str(settings.events),
        as_of="2100-01-01",
    )
    assert result.returncode == 0, result.stdout
    rows = copy.rows(
        "select user_id, item_id, value, is_positive from inputs.interactions"
        " inner join inputs.users using (user_key) inner join inputs.items using (item_key)"
        " where source_file like 'events-%' order by source_row"
    )
    assert rows == [('O\'Hara "7"', "50", 5.0, True), ("363", "1", 4.5, True)]
    assert copy.rows(
        "select reason from inputs.rejected_interactions where source_file like 'events-%'"
    ) == [("event_id is that of another row",)]


def test_a_newer_run_is_served_without_being_asked(published, tmp_path):
    folder = published
    into = tmp_path / "published"
    into.mkdir()
    (into / "current").symlink_to(folder)
    log = json.loads((folder / "serving" / "parameters.json").read_text())["event_log"]
    service = Service(Settings(published=into, events=log))
    assert service.reload() and not service.reload()
    service.recent.add([like("363", "1", at=1.0), like("363", "2", at=3e9)])

    newer = tmp_path / "newer"
    newer.mkdir()
    for path in folder.iterdir():
        (newer / path.name).symlink_to(path)
    (newer / "manifest.json").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps(manifest | {"run_id": "newer"}))
    (into / "next").symlink_to(newer)
    (into / "next").replace(into / "current")
    assert service.reload() and service.engine.run.run_id == "newer"
    # What the build has read is part of its history; what came later is not.
    assert [event.item_id for event in service.recent.of("363")] == ["2"]
