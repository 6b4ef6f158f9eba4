"""Benchmarks: anybody's split through the real DAG, given items, cold starts, and the service."""

import json

import duckdb
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.benchmarks import cold_start, growth, protocols, realtime, scale, serving


def test_a_split_of_ones_own_is_measured_by_the_dag(tmp_path, monkeypatch, capfd):
    """Twenty people like one of two groups of films; each has one of the group left to find."""
    monkeypatch.setattr(protocols, "OUTPUT", tmp_path / "benchmarks")
    with duckdb.connect() as connection:
        connection.execute(
            "create table likes as select person as user_id, film * 2 + person % 2 as item_id"
            " from range(20) as people (person), range(5) as films (film)"
        )
        is_test = "item_id // 2 = user_id // 2 % 5"
        for part, where in {"train": f"not {is_test}", "test": is_test}.items():
            file = tmp_path / f"{part}.parquet"
            connection.execute(f"copy (from likes where {where} order by all) to '{file}'")
    command = ["split", "--train", f"{tmp_path}/train.parquet", "--k", "2"]
    command += ["--sources", "popular als", "--vars", "als_factors: 2"]
    assert protocols.main([*command, "--test", f"{tmp_path}/test.parquet"]) == 0
    rows = json.loads((tmp_path / "benchmarks" / "split.json").read_text())
    assert {(row["protocol"], row["published"]) for row in rows} == {("split", None)}
    values = {(row["model"], row["metric"]): row["value"] for row in rows}
    assert {model for model, _ in values} >= {"popular", "als"}
    # Eight like each film, so popularity goes by id: of 1, 3, 5, 7, 9 and the one that is missing
    # it finds 0 first and 2 second; of 0, 2, 4, 6, 8 and the missing one, 1 second.
    assert values["als", "recall@2"] == values["als", "ndcg@2"] == values["als", "hit_rate@2"] == 1
    assert values["popular", "recall@2"] == pytest.approx(3 / 10)
    assert values["popular", "ndcg@2"] == pytest.approx((1 + 2 / np.log2(3)) / 10)
    assert all(row["fit_seconds"] > 0 for row in rows if row["model"] in ("popular", "als"))
    # A fold that is not measured is not learned.
    with duckdb.connect(str(tmp_path / "benchmarks" / "split" / "foryou.duckdb")) as connection:
        assert connection.execute("select distinct fold from candidates.candidates").fetchall() == [
            ("predefined_holdout",)
        ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["ml-2m"], "PROTOCOL=ml-2m is unknown; choose from ncf-ml-1m"),
        (["gowalla"], "DATA= is no folder; name the one that holds gowalla/train.parquet"),
        (["gowalla", "--data", "{folder}"], "has no gowalla/train.parquet or gowalla.zip"),
        (["split", "--train", "{folder}/items.parquet"], "PROTOCOL=split needs TEST="),
        (
            ["split", "--train", "{folder}/items.parquet", "--test", "{folder}/items.parquet"],
            "has no column user_id, only item_id, liked; rename",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.setattr(protocols, "OUTPUT", tmp_path / "benchmarks")
    duckdb.sql("select 1 as item_id, true as liked").write_parquet(f"{tmp_path}/items.parquet")
    assert protocols.main([part.format(folder=tmp_path) for part in command]) == 1
    assert message in capsys.readouterr().err


def test_the_positive_is_ranked_among_its_negatives_only():
    """Popularities 3, 2, 1, 0, 2: the positives come second, first, and third behind a tie."""
    likes = csr_matrix(
        np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1]], dtype=np.float32)
    )
    columns = np.array([[2, 1, 3], [0, 2, 3], [4, 0, 1]])
    rows = protocols.rank_by("popular", {}, likes, columns, ["hit_rate@2", "ndcg@2"])
    values = {row["metric"]: row["value"] for row in rows}
    # Second: a hit of 1 / log2(3). First: 1. Third: no hit.
    assert values["hit_rate@2"] == pytest.approx(2 / 3)
    assert values["ndcg@2"] == pytest.approx((1 / np.log2(3) + 1) / 3)


def test_als_scores_given_pairs_higher_where_people_are_alike():
    likes = csr_matrix(np.kron(np.eye(2), np.ones((4, 4))).astype(np.float32))
    likes[0, 0] = 0
    likes.eliminate_zeros()
    columns = np.array([[0, 4, 5, 6, 7]])
    [row] = protocols.rank_by("als", {"als_factors": 2}, likes, columns, ["hit_rate@1"])
    assert row["value"] == 1.0 and row["fit_seconds"] > 0


def test_every_published_row_belongs_to_a_protocol_and_its_metrics():
    for protocol, published in protocols.PUBLISHED.items():
        metrics = protocols.PROTOCOLS["protocols"][protocol]["metrics"]
        for row in published:
            assert set(row) - {"name", "ours", "is"} <= set(metrics), row["name"]
            assert set(row) & set(metrics), row["name"]


@pytest.fixture
def log():
    """Thirty people like or dislike a film a day from February on; ten are new in March."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as built")
        connection.execute("create schema built.inputs")
        connection.execute(
            "create table built.inputs.users as"
            " select range as user_key, 'u' || range as user_id from range(30);"
            "create table built.inputs.items as select range as item_key, 'f' || range as item_id,"
            " null as title, true as is_available, null as available_from from range(40);"
            "create table built.inputs.item_attributes as select range as item_key,"
            " 'category' as kind, 'c' || range % 4 as attribute, 1.0 as weight from range(40);"
            "create table built.inputs.user_attributes as"
            " select range as user_key, 'gender' as kind, 'F' as attribute from range(30);"
            "create table built.inputs.interactions as select user_key, item_key,"
            " 'rating' as event_type, 5.0 as value, (item_key + user_key) % 3 > 0 as is_positive,"
            " timestamp '2025-02-01' + to_days(cast(item_key as int)) as occurred_at,"
            " 'log' as source_file, 40 * user_key + item_key as source_row"
            " from range(30) as users (user_key), range(40) as items (item_key)"
            " where user_key >= 10 or item_key >= 28"
        )
        connection.execute(cold_start.INPUTS)
        yield connection


PARAMETERS = {
    "cutoff": "2025-03-01",
    "until": "2025-04-01",
    "likes": 0,
    "kind": "category",
    "n_answers": 3,
    "asked": 0.5,
    "made_new": 0.5,
    "hidden": 0.2,
}


@pytest.mark.parametrize("likes", [0, 2])
def test_answers_and_what_is_measured_share_no_event(log, likes):
    parameters = PARAMETERS | {"likes": likes}
    for query in (cold_start.NEWCOMERS, cold_start.ASKED_LIKES, cold_start.ANSWERS):
        log.execute(query, cold_start.used(query, parameters))
    query = cold_start.SURVEY_LOG
    log.execute(f"create table kept as {query}", cold_start.used(query, parameters))
    groups = dict(log.execute("select who, count(*) from newcomers group by who").fetchall())
    assert groups["new"] == 10 and 0 < groups["made new"] < 20
    asked = set(log.execute("select user_id, item_id from asked_likes").fetchall())
    tested = set(
        log.execute(
            "select user_id, item_id from kept semi join newcomers using (user_id)"
            " where occurred_at >= $cutoff",
            {"cutoff": parameters["cutoff"]},
        ).fetchall()
    )
    assert asked and tested and not asked & tested
    # Before the cutoff a newcomer has so many likes of the asked half, and nothing else.
    known = log.execute(
        "select user_id, item_id from kept semi join newcomers using (user_id)"
        " where occurred_at < $cutoff",
        {"cutoff": parameters["cutoff"]},
    ).fetchall()
    assert set(known) <= asked
    assert len(known) == sum(
        min(likes, n_likes)
        for (n_likes,) in log.execute(
            "select count(*) from asked_likes group by user_id"
        ).fetchall()
    )
    # Answers name categories of the asked half, at most three, before the cutoff.
    liked = {(user, f"c{int(item[1:]) % 4}") for user, item in asked}
    answers = log.execute("select user_id, answer, answered_at from survey_answers").fetchall()
    assert {answer[:2] for answer in answers} <= liked
    assert {str(answered_at) for *_, answered_at in answers} == {"2025-02-28 23:59:59"}
    users = [user for user, *_ in answers]
    assert max(users.count(user) for user in users) <= 3
    # Of others nothing is touched.
    untouched = "select count(*) from {} anti join newcomers using (user_id)"
    assert (
        log.execute(untouched.format("kept")).fetchone()
        == log.execute(untouched.format("interactions")).fetchone()
    )


def test_the_most_unusual_category_is_answered_first(log):
    """Four of eight likes are of c0, half as usual; two of c3, of which others have a tenth."""
    log.execute("delete from interactions")
    log.execute(
        "create table newcomers as select 'u1' as user_id, 'new' as who;"
        "insert into interactions select 'u0', 'f' || item, 'rating', 5, timestamp '2025-02-01',"
        " true, 'log', 0 from unnest([0, 4, 8, 12, 16, 1, 5, 9, 2, 3]) as items (item);"
        "create table asked_likes as select 'u1' as user_id, 'f' || item as item_id"
        " from unnest([0, 4, 8, 12, 1, 5, 3, 7]) as items (item)"
    )
    query = cold_start.ANSWERS
    # c0: (4 - 4) / 1.41 = 0; c1: (2 - 2.4) / 1.30 < 0; c3: (2 - 0.8) / 0.85 = 1.41.
    log.execute(query, cold_start.used(query, PARAMETERS | {"n_answers": 2}))
    answers = log.execute("select answer from survey_answers order by all").fetchall()
    assert answers == [("c0",), ("c3",)]


def test_hidden_items_have_no_past(log):
    log.execute(cold_start.HIDDEN_ITEMS, {"hidden": 0.2})
    query = cold_start.ITEMS_LOG
    log.execute(f"create table kept as {query}", cold_start.used(query, PARAMETERS))
    [(n_hidden,)] = log.execute("select count(*) from hidden").fetchall()
    assert 0 < n_hidden < 20
    for is_past, where in ((True, "<"), (False, ">=")):
        events = f"occurred_at {where} timestamp '2025-03-01'"
        before, after = (
            log.execute(
                f"select count(*), count(*) filter (item_id in (from hidden)) from {table}"
                f" where {events}"
            ).fetchone()
            for table in ("interactions", "kept")
        )
        assert before[1] > 0
        assert after == ((before[0] - before[1], 0) if is_past else before)


def test_lift_is_against_lists_that_are_drawn():
    """Two of ten items drawn: a like of two is found with 1 − (8 × 7) / (10 × 9) = 34 / 90."""
    found = {
        "n_likes": np.array([2, 1]),
        "n_available": np.array([10, 5]),
        "n_shown": np.array([2, 2]),
        "n_hidden": np.array([1, 0]),
        "n_hidden_available": np.array([4, 4]),
        "n_hits": np.array([1, 0]),
    }
    row = cold_start.lift(found, 2)
    assert row["n_users"] == 2 and row["n_likes"] == 3 and row["hidden_share"] == 0.25
    assert row["recall"] == 0.25 and row["recall_chance"] == pytest.approx((0.2 + 0.4) / 2)
    assert row["hit_rate"] == 0.5 and row["hit_rate_chance"] == pytest.approx((34 / 90 + 0.4) / 2)
    assert row["recall_lift"] == pytest.approx(0.25 / 0.3)
    # A hidden item is on one of eight lists, and on the list of who likes it once in four.
    assert row["any_hidden"] == 0.125 and row["lift_over_any_hidden"] == 2


def test_differences_are_of_the_same_users():
    """Differences 0.1, 0.2, 0.3: their mean is 0.2 ± 4.303 × 0.1 / √3."""
    row = cold_start.compared([0.3, 0.5, 0.7], [0.2, 0.3, 0.4])
    assert row["value"] == pytest.approx(0.5) and row["difference"] == pytest.approx(0.2)
    half = 4.3027 * 0.1 / np.sqrt(3)
    assert row["ci_low"] == pytest.approx(0.2 - half, abs=1e-4)
    assert row["ci_high"] == pytest.approx(0.2 + half, abs=1e-4)
    assert cold_start.compared([0.3], [0.2])["ci_low"] is None


def test_a_synthetic_run_is_served_like_one_that_was_built(tmp_path):
    """Nothing of it is missing: a person who acted a second ago gets a list by the pipeline."""
    from fastapi.testclient import TestClient

    from exports.serving.app import create_app
    from exports.serving.settings import Settings
    from tests.benchmarks.synthetic_run import Size, synthetic_run

    size = Size(n_items=2000, n_users=100, n_neighbors=10, n_trees=5, n_taught=20)
    folder, made = synthetic_run(tmp_path / "runs", size)
    assert synthetic_run(tmp_path / "runs", size) == (folder, made)
    people = serving.People(folder)
    [(user_id, events), *_] = people.sample(10, seed=0)
    settings = Settings(published=tmp_path / "runs", events=tmp_path / "events", cache_seconds=0)
    with TestClient(create_app(settings)) as client:
        assert client.get("/health").json()["problems"] == {}
        assert client.post("/events", json=events).status_code == 201
        answer = client.get(f"/users/{user_id}/recommendations").json()
    assert (answer["served_by"], answer["degraded"], len(answer["items"])) == ("pipeline", [], 20)
    assert not {event["item_id"] for event in events} & {
        item["item_id"] for item in answer["items"]
    }
    numbers = serving.stages(folder, 10)
    assert numbers["n_candidates"]["median"] == 500 and numbers["n_items"] == 2000
    assert all(numbers[stage]["n"] == 10 for stage in ("candidates", "index of als", "ranking"))


def test_what_is_held_out_and_what_follows_is_neither_built_from_nor_posted():
    """Thirty films an hour apart, the 28th liked last; who liked nothing later than the 20th."""
    with duckdb.connect() as connection:
        # Of the four groups the third, which posts five actions.
        connection.execute("create macro draw(what, id) as 0.5")
        connection.execute(
            "create table interactions as select user_id, 'f' || nth as item_id,"
            " 'rating' as event_type, nth::double as value,"
            # The last three at one time: their place in the file decides.
            " timestamp '2024-01-01' + to_hours(least(nth, 28)) as occurred_at,"
            " nth = if(user_id = 'a', 28, 20) as is_positive, 'f' as source_file,"
            " nth as source_row from (values ('a'), ('b')) as users (user_id), range(1, 31) as"
            " films (nth)"
        )
        drawn = {"posted": list(realtime.POSTED), "least": realtime.LEAST, "rotation": 0}
        connection.execute(realtime.ORDERED, drawn | {"validation": 0.2})
        log = connection.execute(
            f"select user_id, list(value) from ({realtime.LOG}) group by all order by all"
        ).fetchall()
        assert log == [("a", list(range(1, 23))), ("b", list(range(1, 31)))]
        [asked] = connection.execute(realtime.ASKED, {"is_validation": False}).fetchall()
        assert asked[:3] == ("a", 5, "f28")
        assert [its["item_id"] for its in asked[3]] == ["f23", "f24", "f25", "f26", "f27"]
        # The next rotation posts ten.
        connection.execute(realtime.ORDERED, drawn | {"validation": 0.2, "rotation": 1})
        [asked] = connection.execute(realtime.ASKED, {"is_validation": False}).fetchall()
        assert asked[1] == len(asked[3]) == 10


def test_posted_is_compared_with_the_same_users_and_with_a_build_that_knew():
    def row(user_id, n, before, after):
        places = ({"places": {"list": place}} for place in (before, after))
        return {"user_id": user_id, "n": n} | dict(zip(("before", "after"), places, strict=True))

    nowhere = np.inf
    rows = [row("a", 0, 1, 1), row("b", 0, nowhere, nowhere)]
    for n in realtime.POSTED[1:]:
        rows += [row("c", n, nowhere, nowhere), row("d", n, 11, 2), row("e", n, 2, 2)]
    of_hits, of_ndcg, of_long_hits, of_mrr = realtime.summary(rows, "list")[:4]
    assert of_hits["metric"] == "hit_rate@10"
    assert of_hits["nightly"] == pytest.approx(1 / 3)
    assert of_hits["posted"] == pytest.approx(2 / 3)
    assert of_hits["difference"] == pytest.approx(1 / 3)
    assert of_hits["known"] == pytest.approx(1 / 2)
    assert of_hits["from_known"] == pytest.approx(1 / 6) and not of_hits["is_paired_with_known"]
    assert of_ndcg["posted"] == pytest.approx(2 / np.log2(3) / 3)
    assert of_long_hits["nightly"] == pytest.approx(2 / 3)
    assert of_mrr["nightly"] == pytest.approx((1 / 11 + 1 / 2) / 3)


def test_growth_of_each_model_is_the_slope_of_the_logarithms(built):
    """A join that grows as the square from 1 to 5, a scan, and models that some sizes lack."""

    def taken(seconds, n_rows=None):
        return growth.Taken(seconds, 10**9, 0, n_rows, 0)

    seconds = {1: (2.0, 1.0, 0.01), 5: (50.0, 5.0, 0.05), 25: (500.0, 25.0, 0.1)}
    sizes = {
        f"{n}m": growth.Size(
            n * 10**6,
            {"join": taken(join, n), "scan": taken(scan, n), "tiny": taken(tiny, n)}
            | ({"late": taken(3.0)} if n == 25 else {"early": taken(2.0)}),
        )
        for n, (join, scan, tiny) in seconds.items()
    }
    rows = growth.growth(sizes, limit=1.2)
    models = ["join", "scan", "late", "early", "others (1)", "all models"]
    assert [row["model"] for row in rows] == models
    join, scan, late, early, others, _ = rows
    assert join["exponent_last"] == pytest.approx(np.log(10) / np.log(5), abs=1e-5)
    assert join["exponent_overall"] == pytest.approx(np.log(250) / np.log(25), abs=1e-5)
    assert scan["exponent_last"] == scan["exponent_overall"] == 1
    assert late["exponent_last"] is late["taken"]["5m"] is None
    assert early["exponent_last"] is early["taken"]["25m"] is None
    assert early["exponent_overall"] == 0
    assert [row["is_above_limit"] for row in rows] == [True, *[False] * 4, True]
    assert others["taken"]["5m"]["seconds"] == 0.05
    line = growth.as_markdown(rows, sizes, limit=1.2).splitlines()[4]
    assert line.startswith(
        "| join | 2.0 | 50.0 | 500.0 | 1.00 | 1.00 | 1.00 | 1 | 5 | 25 | **1.43**"
    )
    # What a build writes down can be read.
    size = growth.read(built.database)
    assert size.n_events == 100_000 and size.models["interactions"].n_rows == 100_000
    every = growth.together(list(size.models.values()))
    assert every.peak_memory_bytes >= size.models["als_vectors"].peak_memory_bytes > 0


def test_the_others_start_from_files_and_end_with_a_table(tmp_path):
    """Thirty people have each met five of eight films: the script proposes the other three."""
    data = tmp_path / "tiny"
    data.mkdir()
    duckdb.sql(
        'select person as "userId", (person + nth) % 8 as "movieId", 4.0 as rating, 0 as timestamp'
        " from range(30) as people (person), range(5) as events (nth)"
    ).write_csv(str(data / "ratings.csv"))
    assert scale.size_of(data) == {"ratings": 150, "users": 30, "items": 8}
    bench = scale.Bench(tmp_path, "no such python", k=3, n_lists=0)
    table = tmp_path / "als.parquet"
    row, result = bench.rival("als", "tiny", "implicit_als.py", data, 3, table)
    assert result == {"rows": 90, "users": 30} and (row.by, row.rows) == ("implicit_als", 90)
    assert row.cpu_seconds > 0 and 0.05 < row.gigabytes < 2 and 20 < row.lines < 40
    n_met = (
        f"select count(*) from '{table}' semi join '{data}/ratings.csv' as met"
        ' on user_id = met."userId" and item_id = met."movieId"'
    )
    assert duckdb.sql(n_met).fetchone() == (0,)
    likes = tmp_path / "likes.parquet"
    duckdb.sql(
        f"""select "userId" as user_id, "movieId" as item_id from '{data}/ratings.csv'"""
    ).write_parquet(str(likes))
    row, _ = bench.rival("cooccurrence", "tiny", "implicit_cosine.py", likes, 8)
    # Five of eight films in a circle: any two have somebody in common; each is its own neighbour.
    assert row.rows == 64
    with pytest.raises(scale.StoppedError, match="no-such-file"):
        bench.rival("als", "tiny", "implicit_als.py", tmp_path / "no-such-file", 3, table)


def test_means_divide_as_others_do():
    """One of three is found, first of two: map@2 is 1/2 by us, who divide by two, 1/3 by them."""
    with duckdb.connect() as connection:
        connection.execute(
            "create schema evaluation; create table evaluation.positive_weights as"
            " select 1 as user_key, unnest([1, 2, 3]) as item_key;"
            "create table evaluation.user_accuracy as select 1 as user_key, 2 as k,"
            " 1 / 3 as recall, 0.5 as precision, 1.0 as hit_rate,"
            " 0.6 as ndcg, 0.5 as map, 1.0 as mrr"
        )
        means = dict(connection.execute(scale.MEANS).fetchall())
    assert means == pytest.approx(
        {
            **{"recall@2": 1 / 3, "precision@2": 0.5, "hit_rate@2": 1, "ndcg@2": 0.6},
            **{"map@2": 1 / 3, "mrr@2": 1},
        }
    )


def test_neighbors_that_differ_are_counted(tmp_path):
    file = str(tmp_path / "joined.parquet")
    duckdb.sql(
        "select * from (values (1, 2, 5), (2, 1, 5), (1, 3, 1)) as t (item_id, neighbor_id, weight)"
    ).write_parquet(file)
    with duckdb.connect() as connection:
        connection.execute(
            "create schema candidates; create table candidates.item_neighbors as select * from"
            " (values (1, 2, 5.0), (2, 1, 4.0)) as t (item_key, neighbor_item_key, weight)"
        )
        # One weight is not the same, and one pair is not there.
        assert connection.execute(scale.DIFFERENT_NEIGHBORS, [file]).fetchone() == (2,)


@pytest.mark.parametrize("name", ["als", "cooccurrence", "pipeline"])
def test_what_we_need_for_the_same_is_vars_that_there_are(name, tmp_path):
    project = scale.Project(tmp_path, tmp_path, name)
    assert project.vars.keys() <= scale.VARS.keys()
    assert (project.folder / project.vars["dataset"]).resolve() == tmp_path
    assert scale.lines_of(scale.RIVALS / f"foryou_{name}.yml") < 10
