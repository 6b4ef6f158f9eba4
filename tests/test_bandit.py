"""Thompson sampling and exploration slots: the draws, the arms, and who is shown what."""

from collections import defaultdict
from hashlib import md5

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from conftest import Warehouse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from models_py.columns import THOMPSON_DRAWS
from models_py.thompson import beta_draws, thompson_draws
from tests.benchmarks import bandit

K, EVERY, MAX_USERS, HALF_LIFE, PRIOR = 8, 4, 3, 5, 2
SEEN, NEW = 30, 6


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.4, 80), (3, 997), (25, 4), (300, 700)])
def test_draws_have_the_beta_distribution(alpha, beta):
    uniforms = np.random.default_rng(0).random(5000)
    draws = beta_draws(np.array(alpha), np.array(beta), uniforms)
    assert stats.kstest(draws, stats.beta(alpha, beta).cdf).pvalue > 0.01
    # The test can tell: not the distribution of somewhat more successes.
    assert stats.kstest(draws, stats.beta(alpha * 1.2, beta).cdf).pvalue < 0.01


@settings(max_examples=100, deadline=None)
@given(
    alpha=st.floats(0.05, 1e4),
    beta=st.floats(0.05, 1e4),
    uniform=st.floats(0.001, 0.999),
)
def test_a_draw_is_the_quantile(alpha, beta, uniform):
    draw = beta_draws(np.array(alpha), np.array(beta), np.array(uniform))
    # A double cannot tell apart what lies within 1e-16 of 1.
    if draw < 1 - 1e-6:
        assert special.betainc(alpha, beta, draw) == pytest.approx(uniform, rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "beta", "uniform"), [(0, 1, 0.5), (1, -1, 0.5), (1, 1, 1.5), (np.nan, 1, 0.5)]
)
def test_what_is_no_distribution_is_refused(alpha, beta, uniform):
    with pytest.raises(ValueError, match="Beta"):
        beta_draws(np.array([alpha]), np.array([beta]), np.array([uniform]))


def pairs(n: int) -> pa.Table:
    random = np.random.default_rng(1)
    return pa.table(
        {
            "fold": ["live"] * n,
            "user_key": np.arange(n, dtype=np.int32),
            "item_key": random.integers(0, 9, n).astype(np.int32),
            "is_candidate": random.random(n) < 0.5,
            "alpha": random.uniform(0.5, 9, n),
            "beta": random.uniform(0.5, 9, n),
            "uniform": random.random(n),
        }
    )


def test_pairs_are_drawn_for_in_whatever_blocks():
    table = pairs(50)
    whole = thompson_draws(table.to_reader()).read_all()
    assert whole.schema == THOMPSON_DRAWS
    assert thompson_draws(table.to_reader(max_chunksize=7)).read_all().equals(whole)
    expected = stats.beta(table["alpha"].to_numpy(), table["beta"].to_numpy())
    assert whole["draw"].to_numpy() == pytest.approx(expected.ppf(table["uniform"].to_numpy()))
    assert whole["mean"].to_numpy() == pytest.approx(expected.mean())
    assert whole.select(["user_key", "item_key"]).equals(table.select(["user_key", "item_key"]))


def test_no_pairs_are_no_draws():
    assert thompson_draws(pairs(0).to_reader()).read_all().equals(THOMPSON_DRAWS.empty_table())


def regret(policy, seed: int) -> np.ndarray:
    """What five arms cost until one of them is known to be the best, so far after each trial."""
    random = np.random.default_rng(seed)
    rates = np.array([0.1, 0.2, 0.3, 0.4, 0.6])
    alpha, beta = np.ones(5), np.ones(5)
    lost = []
    for _ in range(4000):
        arm = policy(alpha, beta, 1, random)[0]
        clicked = random.random() < rates[arm]
        alpha[arm] += clicked
        beta[arm] += not clicked
        lost.append(rates.max() - rates[arm])
    return np.cumsum(lost)


def test_regret_of_thompson_is_sublinear():
    of_thompson = np.mean([regret(bandit.thompson, seed) for seed in range(5)], axis=0)
    # It grows like a logarithm: in the second half far less than in the first.
    assert of_thompson[-1] - of_thompson[1999] < of_thompson[1999] / 4
    of_uniform = regret(bandit.uniform, 0)
    assert of_uniform[-1] - of_uniform[1999] == pytest.approx(of_uniform[1999], rel=0.1)
    assert of_thompson[-1] < of_uniform[-1] / 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop with a log of what was shown, built: its warehouse, and its vars.

    Forty people like some of thirty items, the later the fewer; six more are new.
    """
    folder = tmp_path_factory.mktemp("shop")
    with duckdb.connect() as connection:
        connection.execute(
            "create table events as"
            " select 'u' || person as person, 'i' || item as item,"
            " timestamp '2026-01-01' + to_hours(person * 11 + item * 7) as at"
            f" from range(40) as people (person), range({SEEN}) as items (item)"
            " where (person * 7 + item * 13) % 40 > item + 9 or person = item"
        )
        connection.execute(
            f"create table items as select 'i' || item as item, 'Item ' || item as title,"
            " case when item % 2 = 0 then 'even' else 'odd' end as kind"
            f" from range({SEEN + NEW}) as items (item)"
        )
        connection.execute(
            "create table shown as"
            " select 'u' || (n % 40) as person, 'i' || (n * 7 % 34) as item,"
            " timestamp '2026-01-02' + to_hours(n) as at, n % 3 = 0 as clicked,"
            " case n % 4 when 0 then 'als' when 1 then 'popular' end as policy"
            " from range(600) as numbers (n)"
        )
        for table in ("events", "items", "shown"):
            connection.execute(f"copy {table} to '{folder}/{table}.parquet'")
    variables = {
        "dataset": "custom",
        "sources": ["popular", "content"],
        "blend_weights": {"popular": 1.0, "content": 1.0},
        "event_weights": {"view": 1},
        "candidate_users": "all",
        "recommendations_k": K,
        "exploration_every": EVERY,
        "exploration_max_users": MAX_USERS,
        "exploration_items": 12,
        "bandit_half_life_days": HALF_LIFE,
        "bandit_prior_successes": PRIOR,
        "custom": {
            "interactions": {
                "file": f"{folder}/events.parquet",
                "columns": {"user_id": "person", "item_id": "item", "occurred_at": "at"},
                "constants": {"event_type": "view"},
            },
            "items": {
                "file": f"{folder}/items.parquet",
                "columns": {"item_id": "item", "title": "title"},
            },
            "item_attributes": {
                "file": f"{folder}/items.parquet",
                "columns": {"item_id": "item"},
                "kinds": {"category": "kind"},
            },
            "impressions": {
                "file": f"{folder}/shown.parquet",
                "columns": {
                    "user_id": "person",
                    "item_id": "item",
                    "shown_at": "at",
                    "clicked": "clicked",
                    "policy": "policy",
                },
            },
        },
    }
    warehouse = Warehouse(folder)
    warehouse.build("--selector", "recommendations", **variables)
    return warehouse, variables


def test_arms_are_those_of_a_naive_count(shop):
    warehouse, _ = shop
    impressions = warehouse.rows(
        "select item_key, policy, clicked, epoch(shown_at) from inputs.impressions"
    )
    assert len(impressions) == 600
    for fold, cutoff in warehouse.rows("select fold, epoch(cutoff_at) from folds.folds"):
        trials, clicks = defaultdict(float), defaultdict(float)
        for item_key, policy, clicked, at in impressions:
            if at >= cutoff:
                continue
            weight = 0.5 ** ((cutoff - at) / 86400 / HALF_LIFE)
            for arm in [("item", str(item_key))] + [("source", policy)] * (policy is not None):
                trials[arm] += weight
                clicks[arm] += weight * clicked
        expected = {}
        for (item_key,) in warehouse.rows(
            "select item_key from folds.fold_items where fold = $1", [fold]
        ):
            expected["item", str(item_key)] = None
        expected |= {arm: None for arm in trials if arm[0] == "source"}
        for arm in expected:
            of_kind = [other for other in trials if other[0] == arm[0]]
            rate = (sum(clicks[other] for other in of_kind) + 0.5) / (
                sum(trials[other] for other in of_kind) + 1
            )
            expected[arm] = (
                PRIOR * rate / min(rate, 1 - rate) + clicks[arm],
                PRIOR * (1 - rate) / min(rate, 1 - rate) + trials[arm] - clicks[arm],
            )
        arms = {
            (kind, arm): (alpha, beta, mean, variance)
            for kind, arm, alpha, beta, mean, variance in warehouse.rows(
                "select arm_kind, arm, alpha, beta, mean, variance from features.bandit_arms"
                " where fold = $1 and evidence = 'impressions'",
                [fold],
            )
        }
        assert arms.keys() == expected.keys()
        assert len([arm for arm in arms if arm[0] == "source"]) == 2
        for arm, (alpha, beta) in expected.items():
            distribution = stats.beta(alpha, beta)
            assert arms[arm] == pytest.approx(
                (alpha, beta, distribution.mean(), distribution.var()), abs=1e-6
            )


def test_only_what_hardly_anybody_has_met_is_explored(shop):
    warehouse, _ = shop
    for fold, n_items, n_known in warehouse.rows(
        "select fold, count(*), count(*) filter (n_users > $1)"
        " from recommendations.explored_items"
        " inner join features.item_features using (fold, item_key) group by fold",
        [MAX_USERS],
    ):
        assert (fold, n_known) == (fold, 0)
        assert NEW <= n_items <= 12


def test_draws_are_those_of_the_user_and_the_day(shop):
    warehouse, variables = shop
    same_pair = (
        "select one.uniform, other.uniform from recommendations.exploration_pairs as one"
        " inner join recommendations.exploration_pairs as other using (user_key, item_key)"
        " where one.fold = 'holdout' and other.fold = 'live'"
    )
    uniforms = np.array(warehouse.rows(same_pair))
    assert len(uniforms) > 100
    # Days apart, draws have nothing to do with each other.
    assert not np.any(uniforms[:, 0] == uniforms[:, 1])
    assert abs(np.corrcoef(uniforms.T)[0, 1]) < 0.2
    assert stats.kstest(uniforms.ravel(), "uniform").pvalue > 0.01
    tables = ["exploration_pairs", "exploration_draws", "exploration_candidates", "user_lists"]
    before = [warehouse.hash_of(f"recommendations.{table}") for table in tables]
    result = warehouse.dbt("run", "--select", "explored_items+,+user_lists", **variables)
    assert result.returncode == 0, result.stdout
    assert [warehouse.hash_of(f"recommendations.{table}") for table in tables] == before


def test_uniform_numbers_are_a_hash_of_user_item_and_day(shop):
    """And of nothing else: no key, no time of the day."""
    warehouse, _ = shop
    rows = warehouse.rows(
        "select user_id, item_id, cutoff_at, uniform from recommendations.exploration_pairs"
        " inner join inputs.users using (user_key) inner join inputs.items using (item_key)"
        " inner join folds.folds using (fold)"
    )
    assert len({cutoff_at.date() for *_, cutoff_at, _ in rows}) == 3
    for user_id, item_id, cutoff_at, uniform in rows:
        digest = md5("\x1f".join((user_id, item_id, str(cutoff_at.date()))).encode()).digest()
        assert uniform == pytest.approx(int.from_bytes(digest[8:], "little") / 2**64)


def test_slots_are_where_they_are_declared(shop):
    warehouse, _ = shop
    places = warehouse.rows(
        "select fold, user_id, list(rank order by rank) filter (slot = 'explore'), count(*)"
        " from recommendations.recommendations group by fold, user_id"
    )
    assert len(places) == 120
    assert {tuple(explored) for _, _, explored, _ in places} == {(EVERY, 2 * EVERY)}
    assert {n for *_, n in places} == {K}
    reasons = warehouse.rows(
        "select distinct slot = 'explore', source, reason from recommendations.recommendations"
        " where slot = 'explore' or source = 'exploration'"
    )
    assert reasons == [
        (True, "exploration", "Few have tried this yet: help us find out who likes it")
    ]


def test_what_is_explored_is_first_by_draw(shop):
    """By hand: of the explored items that are not on the list by rank, the largest draws."""
    warehouse, _ = shop
    shown = defaultdict(list)
    for fold, user, item, slot in warehouse.rows(
        "select fold, user_key, item_key, slot from recommendations.user_lists order by all"
    ):
        shown[fold, user].append((item, slot))
    rows = warehouse.rows(
        "select fold, user_key, item_key, is_candidate, draw"
        " from recommendations.exploration_draws order by fold, user_key,"
        " is_candidate desc, draw desc"
    )
    wanted = defaultdict(list)
    for fold, user, item, _, _ in rows:
        if (item, "ranked") not in shown[fold, user]:
            wanted[fold, user].append(item)
    assert wanted.keys() == shown.keys()
    n_same = sum(
        {item for item, slot in shown[pair] if slot == "explore"} == set(wanted[pair][:2])
        for pair in shown
    )
    # An item that would have been on the list, but for the slots, is neither ranked nor explored.
    assert n_same > 0.9 * len(shown)


def test_new_items_are_shown(shop):
    warehouse, _ = shop
    [(n_new,)] = warehouse.rows(
        "select count(distinct item_id) from recommendations.recommendations"
        " where fold = 'live' and slot = 'explore'"
        f" and cast(substr(item_id, 2) as int) >= {SEEN}"
    )
    assert n_new == NEW


def test_the_audit_names_the_slot(shop):
    warehouse, _ = shop
    [(n_explored, n_named)] = warehouse.rows(
        "select count(*), count(audit.item_id) from recommendations.recommendations as shown"
        " left join recommendations.recommendation_audit as audit"
        " on shown.fold = audit.fold and shown.user_id = audit.user_id"
        " and shown.item_id = audit.item_id and audit.rule = 'explore'"
        " and audit.rank_after = shown.rank"
        " where shown.slot = 'explore'"
    )
    assert n_explored == n_named > 200


def test_without_slots_lists_are_as_without_exploration(shop, tmp_path):
    warehouse, variables = shop
    by_user = (
        "select fold, user_id, list(item_id order by rank)"
        " from recommendations.recommendations where slot <> 'explore' group by all order by all"
    )
    explored = (
        "select fold, user_id, list(item_id) from recommendations.recommendations"
        " where slot = 'explore' group by all order by all"
    )
    off = Warehouse(tmp_path)
    off.build("--selector", "recommendations", **variables | {"exploration_every": 0})
    assert (
        off.rows(
            "select table_name from information_schema.tables"
            " where table_name like '%explor%' or table_name like '%bandit%'"
        )
        == []
    )
    assert {slot for (slot,) in off.rows("select slot from recommendations.user_lists")} == {
        "ranked"
    }
    with_slots, without = warehouse.rows(by_user), off.rows(by_user)
    assert {len(items) for *_, items in without} == {K}
    # What is not explored keeps its order, and what it makes room for leaves at the end.
    tried = {(fold, user): items for fold, user, items in warehouse.rows(explored)}
    for (fold, user, ranked), (_, _, whole) in zip(with_slots, without, strict=True):
        rest = [item for item in whole if item not in tried[fold, user]]
        assert ranked == rest[: len(ranked)]


def test_the_benchmark_reads_a_log_and_writes_its_rows(tmp_path, monkeypatch, capsys):
    """Three items, one of which is clicked every second time, the others never."""
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'men' as campaign, 'random' as behavior_policy, n % 3 as item_id,"
            " 1 as position, n as timestamp, cast(n % 6 = 0 as int) as click"
            f" from range(300) as numbers (n)) to '{tmp_path}/obd_sample_log.parquet'"
        )
    monkeypatch.setattr(bandit, "OUTPUT", tmp_path)
    command = ["--data", str(tmp_path), "--nights", "8", "--impressions", "200", "--seeds", "3"]
    assert bandit.main(command) == 0
    assert "0.5000" in capsys.readouterr().out
    rows = {
        (row["policy"], row["metric"], row["after"]): row
        for row in duckdb.sql(f"from '{tmp_path}/bandit.json'").to_arrow_table().to_pylist()
    }
    # Nothing is known on the first night, and two out of three are never clicked.
    assert rows["uniform", "regret", 1600]["value"] == pytest.approx(1600 / 3, rel=0.05)
    assert rows["thompson", "regret", 400]["value"] < rows["uniform", "regret", 400]["value"]
    late = rows["thompson", "regret", 1600]["value"] - rows["thompson", "regret", 800]["value"]
    assert late < rows["thompson", "regret", 400]["value"] / 4
    assert rows["thompson", "click_rate", 1500]["value"] > 0.3
    assert rows["uniform", "click_rate", 1500]["value"] == pytest.approx(1 / 6, abs=0.06)
    with pytest.raises(SystemExit, match="has no obd_sample_log.parquet"):
        bandit.main(["--data", str(tmp_path / "nowhere")])
