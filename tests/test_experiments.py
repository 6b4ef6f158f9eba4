"""Effects of experiments: against textbooks and a bootstrap, and through dbt on a made-up shop."""

import csv
import hashlib
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from conftest import Warehouse
from scipy import stats

from exports.experiment_plan import smallest_effect, users_needed
from models_py.experiments import (
    SUMS,
    EffectParameters,
    Estimate,
    Moments,
    cuped,
    difference,
    experiment_estimates,
    sample_ratio_tests,
)


def moments(y, x=None, c=None) -> Moments:
    y = np.asarray(y, float)
    ones = np.ones(len(y))
    return Moments.of_rows(
        y,
        ones if x is None else np.asarray(x, float),
        0 * ones if c is None else np.asarray(c, float),
    )


def test_a_difference_of_means_is_that_of_welch():
    rng = np.random.default_rng(0)
    control, treatment = rng.normal(1, 1, 400), rng.normal(1.3, 2, 900)
    effect = difference(moments(control).estimate(), moments(treatment).estimate(), 1000)
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    # Normal instead of t: alike from hundreds of users on.
    assert effect["p_value"] == pytest.approx(expected.pvalue, rel=0.05)
    interval = expected.confidence_interval()
    assert effect["ci_low"] == pytest.approx(interval.low, rel=0.01)
    assert effect["relative_effect"] == pytest.approx(treatment.mean() / control.mean() - 1)


def test_intervals_of_ratios_are_those_of_a_bootstrap():
    """Who is shown much clicks more: impressions are no sample, users are."""
    rng = np.random.default_rng(1)
    shown = rng.poisson(rng.gamma(1, 20, 500)) + 1
    clicks = rng.binomial(shown, np.minimum(shown / 200, 0.9))
    estimate = moments(clicks, shown).estimate()
    draws = rng.integers(0, 500, (4000, 500))
    bootstrap = clicks[draws].sum(axis=1) / shown[draws].sum(axis=1)
    assert estimate.value == pytest.approx(clicks.sum() / shown.sum())
    assert np.sqrt(estimate.variance) == pytest.approx(bootstrap.std(), rel=0.05)
    naive = np.sqrt(estimate.value * (1 - estimate.value) / shown.sum())
    assert np.sqrt(estimate.variance) > 1.5 * naive


def test_a_known_past_narrows_intervals_by_its_correlation():
    rng = np.random.default_rng(2)
    past = rng.normal(0, 1, 20_000)
    now = past + rng.normal(0, 1, 20_000)
    is_treated = rng.random(20_000) < 0.3
    now[is_treated] += 0.1
    pair = [moments(now[its], c=past[its]) for its in (~is_treated, is_treated)]
    plain = difference(*(its.estimate() for its in pair), 1000)
    adjusted = difference(*cuped(*pair), 1000)
    width = (adjusted["ci_high"] - adjusted["ci_low"]) / (plain["ci_high"] - plain["ci_low"])
    assert width == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert adjusted["ci_low"] < 0.1 < adjusted["ci_high"]


def test_a_past_that_says_nothing_is_left_out():
    assert cuped(moments([1, 2, 3]), moments([2, 3, 4])) is None


def test_looking_often_needs_wider_intervals():
    narrow = difference(Estimate(50, 0.0, 0.01), Estimate(50, 0.0, 0.01), 100)
    assert narrow["sequential_ci_high"] > narrow["ci_high"] > 0
    # Tightest, in units of the fixed one, near what was planned.
    stretch = {}
    for n in (10, 100, 10_000):
        its = difference(Estimate(n // 2, 0.0, 0.01), Estimate(n // 2, 0.0, 0.01), 100)
        stretch[n] = its["sequential_ci_high"]
    assert stretch[100] < stretch[10] and stretch[100] < stretch[10_000]


def rows_of(variants: dict[str, Moments], **key) -> list[dict]:
    names = {
        "experiment": "e",
        "metric": "ctr",
        "segment_kind": "all",
        "segment": "all",
        "day": None,
    }
    return [
        names
        | key
        | {"variant": variant, "n": its.n}
        | {f"sum_{name}": getattr(its, name) for name in SUMS}
        for variant, its in variants.items()
    ]


NO_CATALOGS = pa.schema(
    [
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("n_users", pa.int64()),
        ("value", pa.float64()),
        ("variance", pa.float64()),
    ]
).empty_table()
MOMENTS = pa.schema(
    [
        *((name, pa.string()) for name in ("experiment", "metric", "segment_kind", "segment")),
        ("day", pa.int32()),
        ("variant", pa.string()),
        ("n", pa.int64()),
        *((f"sum_{name}", pa.float64()) for name in SUMS),
    ]
)


def estimates(rows: list[dict], experiments=None, catalogs=NO_CATALOGS) -> list[dict]:
    table = pa.Table.from_pylist(rows, MOMENTS)
    return experiment_estimates(table, catalogs, EffectParameters(experiments or {})).to_pylist()


@pytest.mark.parametrize(
    ("variants", "declared", "control", "treated"),
    [
        (["control", "a"], None, "control", ["a"]),
        (["b", "a", "c"], None, "a", ["b", "c"]),
        (["b", "a"], "b", "b", ["a"]),
        (["b", "a"], "z", None, []),
    ],
)
def test_variants_are_held_against_the_control(variants, declared, control, treated):
    rows = estimates(
        rows_of({name: moments([0, 1, 1]) for name in variants}),
        {"e": {"control": declared}} if declared else None,
    )
    assert [row["variant"] for row in rows] == treated
    assert {row["control"] for row in rows} == ({control} if treated else set())


def test_what_cannot_be_measured_is_left_out():
    """One user, or nothing shown: no variance, no ratio."""
    rows = rows_of({"control": moments([1]), "a": moments([1, 0])})
    rows += rows_of({"control": moments([0, 0], [0, 0]), "a": moments([1, 0])}, metric="m")
    assert estimates(rows) == []
    assert estimates([]) == []


def test_catalogues_of_variants_are_compared():
    catalogs = pa.Table.from_pylist(
        [
            {
                "experiment": "e",
                "variant": "control",
                "n_users": 9,
                "value": 0.5,
                "variance": 0.0009,
            },
            {"experiment": "e", "variant": "a", "n_users": 8, "value": 0.7, "variance": 0.0016},
        ],
        NO_CATALOGS.schema,
    )
    [row] = estimates([], catalogs=catalogs)
    assert row["metric"] == "catalog_coverage" and row["effect"] == pytest.approx(0.2)
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.959964 * 0.05, rel=1e-5)
    assert row["sequential_ci_low"] is None


def test_a_gap_between_segments_is_a_guard():
    """For women the treatment is clicked more, for men less."""
    rng = np.random.default_rng(4)
    rates = {"control": {"F": 0.2, "M": 0.2}, "a": {"F": 0.4, "M": 0.1}}
    rows = []
    for segment in ("F", "M"):
        of_segment = {
            variant: moments(rng.random(4000) < its[segment]) for variant, its in rates.items()
        }
        rows += rows_of(of_segment, segment_kind="gender", segment=segment)
    # Of one variant alone there is nothing to compare.
    rows += rows_of({"a": moments([0, 1])}, segment_kind="gender", segment="X")
    [row] = [row for row in estimates(rows) if row["metric"] == "ctr_gap"]
    assert (row["segment_kind"], row["segment"], row["n_users"]) == ("gender", "all", 8000)
    assert row["value"] == pytest.approx(0.3, abs=0.03) and row["value_control"] < 0.03
    assert row["ci_low"] < 0.3 < row["ci_high"] + 0.03 and row["p_value"] < 1e-6


def counts(**n_users: int) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"experiment": "e", "variant": variant, "n_users": n, "n_users_in_several": 2}
            for variant, n in n_users.items()
        ]
    )


def test_users_come_in_the_shares_that_were_agreed_on():
    [a, b] = sample_ratio_tests(counts(a=5010, b=4990), {}).to_pylist()
    assert not a["is_mismatch"] and a["expected_share"] == 0.5 and a["n_users_in_several"] == 2
    assert a["p_value"] == pytest.approx(stats.chisquare([5010, 4990]).pvalue)
    [a, b] = sample_ratio_tests(counts(a=5300, b=4700), {}).to_pylist()
    assert a["is_mismatch"] and b["is_mismatch"]
    agreed = {"e": {"shares": {"a": 53, "b": 47}}}
    assert not sample_ratio_tests(counts(a=5300, b=4700), agreed).to_pylist()[0]["is_mismatch"]


def test_a_variant_that_was_not_agreed_on_is_a_mismatch():
    agreed = {"e": {"shares": {"a": 1, "b": 1}}}
    rows = {row["variant"]: row for row in sample_ratio_tests(counts(a=9, c=1), agreed).to_pylist()}
    assert set(rows) == {"a", "b", "c"} and all(row["is_mismatch"] for row in rows.values())
    assert rows["b"]["n_users"] == 0 and rows["c"]["expected_share"] == 0


def test_no_experiments_make_an_empty_table_with_types():
    assert len(sample_ratio_tests(counts(a=1).slice(0, 0), {})) == 0
    assert (
        experiment_estimates(MOMENTS.empty_table(), NO_CATALOGS, EffectParameters()).num_rows == 0
    )
    with pytest.raises(ValueError, match="planned user"):
        EffectParameters(planned_users=0)


def test_plans_are_those_of_the_textbook():
    """Two shares, .10 and .12: 2 (1.96 + .84)² × .09 / .02² = 3,532 a variant."""
    n = users_needed(0.1, 0.3, 0.2, 0.5, 0.8, 0.05)
    assert n == pytest.approx(2 * 3532, rel=0.001)
    assert smallest_effect(0.1, 0.3, n, 0.5, 0.8, 0.05) == pytest.approx(0.2, rel=0.001)
    # Few treated need more users.
    assert users_needed(0.1, 0.3, 0.2, 0.1, 0.8, 0.05) > 2 * n
    for wrong in ({"share": 1.0}, {"power": 0.0}, {"effect": 0.0}):
        with pytest.raises(ValueError):
            users_needed(
                **{
                    "value": 1,
                    "deviation": 1,
                    "effect": 0.1,
                    "share": 0.5,
                    "power": 0.8,
                    "alpha": 0.05,
                }
                | wrong
            )


# ---------- through dbt ----------

N_USERS = 300
EXPERIMENTS = {
    "page": {
        "control": "old",
        "shares": {"old": 1, "new": 1},
        "layer": "looks",
        "layer_range": [0, 0.5],
    },
    "font": {"shares": {"control": 3, "serif": 1}, "layer": "looks", "layer_range": [0.5, 1]},
}


def write(folder, name: str, header: list[str], rows: list[list]) -> dict:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return {
        "file": str(folder / f"{name}.csv"),
        "columns": {column: column for column in header},
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop whose new page is clicked twice as often, and two policies that chose the items."""
    folder = tmp_path_factory.mktemp("shop")
    warehouse = Warehouse(folder)
    rng = np.random.default_rng(3)
    start = datetime(2026, 1, 1)
    assigned, shown, bought = [], [], []
    for number in range(N_USERS):
        user = f"u{number}"
        variant = "new" if rng.random() < 0.5 else "old"
        assigned.append([user, "page", variant, start])
        for _ in range(rng.poisson(10)):
            policy = rng.choice(["uniform", "skewed"])
            chances = [0.5, 0.5] if policy == "uniform" else [0.8, 0.2]
            item = rng.choice(2, p=chances)
            clicked = rng.random() < (0.1 + 0.1 * item) * (2 if variant == "new" else 1)
            at = start + timedelta(seconds=int(rng.integers(0, 20 * 86400)))
            shown.append([user, f"i{item}", policy, 1, chances[item], bool(clicked), at])
        if rng.random() < 0.5:
            at = start + timedelta(days=int(rng.integers(-20, 20)), hours=1)
            bought.append([user, f"i{rng.integers(0, 6)}", "purchase", 10, at])
    # In the experiment, and never seen again; and somebody in both variants.
    assigned += [
        ["ghost", "page", "old", start],
        ["u0", "page", "new", start],
        ["u0", "page", "old", start],
    ]
    names = ["policy", "position", "propensity", "clicked", "shown_at"]
    custom = {
        "interactions": write(
            folder, "events", ["user_id", "item_id", "event_type", "value", "occurred_at"], bought
        ),
        "impressions": write(folder, "shown", ["user_id", "item_id", *names], shown),
        "experiment_assignments": write(
            folder, "assigned", ["user_id", "experiment", "variant", "assigned_at"], assigned
        ),
    }
    always = [["always", "i1", 1.0]]
    custom["candidate_policies"] = write(
        folder, "policies", ["policy", "item_id", "probability"], always
    )
    warehouse.build(
        *("--selector", "experiments", "--exclude-resource-types", "unit_test"),
        dataset="custom",
        custom=custom,
        experiments=EXPERIMENTS,
        off_policy_targets=["logged"],
    )
    return warehouse


def test_a_planted_effect_is_found(shop):
    rows = shop.rows(
        "select adjustment, n_users + n_users_control, effect, ci_low, ci_high, p_value"
        " from experiments.experiment_results where metric = 'ctr' and day is null"
    )
    assert {row[0] for row in rows} == {"none"}
    [(_, n_users, effect, low, high, p)] = rows
    # Whoever left is counted, whoever was in both variants is not.
    assert n_users == N_USERS
    assert low < 0.14 < high and p < 1e-6 and effect > 0.1


def test_effects_of_days_add_up_to_the_clicks(shop):
    """Every impression after the assignment is in one of the days."""
    days = shop.rows(
        "select distinct day from experiments.experiment_results where day is not null"
    )
    assert {day for (day,) in days} == set(range(20))
    [(of_days, of_all)] = shop.rows(
        "select sum(sum_y) filter (where day is not null), sum(sum_y) filter (where day is null"
        " and segment_kind = 'all') from experiments.experiment_moments where metric = 'ctr'"
    )
    assert of_days == of_all > 0


def test_the_check_counts_those_in_both(shop):
    rows = shop.rows(
        "select variant, n_users, n_users_in_several, is_mismatch"
        " from experiments.experiment_checks"
    )
    assert sum(n for _, n, *_ in rows) == N_USERS
    assert {its[2:] for its in rows} == {(1, False)}


def test_variants_follow_from_the_id(shop):
    """And from names: whoever has MD5 can work them out."""

    def draw(*texts: str) -> float:
        digest = hashlib.md5("\x1f".join(texts).encode()).digest()
        return int.from_bytes(digest[8:], "little") / 2**64

    given = {}
    for experiment, user, variant in shop.rows("from experiments.variant_assignments"):
        given[experiment, user] = variant
    users = [user for (user,) in shop.rows("select user_id from inputs.users")]
    for user in users:
        is_first = draw(user, "layer looks") < 0.5
        assert ("page", user) in given if is_first else ("font", user) in given
        if is_first:
            expected = "new" if draw(user, "variant of page") < 0.5 else "old"
            assert given["page", user] == expected
        else:
            expected = "control" if draw(user, "variant of font") < 0.75 else "serif"
            assert given["font", user] == expected
    assert len(given) == len(users)


def test_a_policy_is_judged_from_the_log_of_another(shop):
    rows = shop.rows(
        "select logging_policy, estimator, value, ci_low, ci_high, effective_sample_size, n_events,"
        " observed_ci_low, observed_ci_high from experiments.off_policy_estimates"
        " where policy <> 'always'"
    )
    assert len(rows) == 8
    for logging, estimator, value, low, high, size, n, observed_low, observed_high in rows:
        assert size < n
        if estimator == "dm":
            assert low is None
        else:
            assert low < value < high
        if logging == "uniform":
            assert observed_low < value < observed_high


def test_a_policy_that_never_was_is_judged(shop):
    """Item i1 always: clicked .2, or .4 on the new page, which half the people see."""
    rows = shop.rows(
        "select estimator, value, observed_value from experiments.off_policy_estimates"
        " where policy = 'always' and logging_policy = 'uniform'"
    )
    assert {estimator for estimator, *_ in rows} == {"ips", "snips", "dm", "dr"}
    for _, value, observed in rows:
        assert observed is None and value == pytest.approx(0.3, abs=0.06)


def test_plans_come_from_the_warehouse(shop, capsys, monkeypatch):
    from exports import experiment_plan

    monkeypatch.setenv("FORYOU_DATABASE", str(shop.database))
    monkeypatch.setattr("sys.argv", ["experiment_plan", "--effects", "0.1", "--days", "7"])
    assert experiment_plan.main() == 0
    printed = capsys.readouterr().out
    assert "ctr" in printed and "conversion" in printed and "+10%" in printed
    monkeypatch.setattr("sys.argv", ["experiment_plan", "--share", "2"])
    assert experiment_plan.main() == 1
    assert "share must be between 0 and 1" in capsys.readouterr().err


def test_contradictory_experiments_are_refused_by_name(warehouse):
    result = warehouse.dbt(
        "compile",
        *("--select", "variant_assignments"),
        experiments={
            "a": {"shares": {"x": 1}},
            "b": {"shares": {"x": 1, "y": 1}, "control": "z"},
            "c": {"layer": "l", "layer_range": [0, 0.6]},
            "d": {"layer": "l", "layer_range": [0.5, 1]},
            "e": {"layer_range": [0, 1]},
            "f": {"spam": 1},
            "replay": {},
        },
    )
    assert result.returncode != 0
    for words in (
        "experiments: a: shares must be of two variants",
        "experiments: b: the control z is none of x, y",
        "experiments: d and c share a part of the layer l",
        "experiments: e: layer_range is of a layer",
        "experiments: f has no spam",
        "experiments: replay is the name of the replayed_experiment",
    ):
        assert words in result.stdout, words


# ---------- the replay ----------


def test_a_replay_shows_half_of_the_people_each_list(built):
    [(n_users, n_evaluated)] = built.rows(
        "select (select count(*) from experiments.replayed_assignments),"
        " (select count(*) from evaluation.evaluated_users"
        " where fold = 'holdout' and segment_kind = 'all')"
    )
    assert n_users == n_evaluated > 100
    checks = built.rows("select variant, share, is_mismatch from experiments.experiment_checks")
    assert {variant for variant, *_ in checks} == {"popular", "final"}
    assert all(0.4 < share < 0.6 and not is_mismatch for _, share, is_mismatch in checks)


def test_a_replay_knows_nothing_that_came_later(built):
    """Nothing is shown that was met before, and no click is older than what it is on."""
    [(n_shown, n_met, n_early)] = built.rows(
        "select count(*), count(*) filter (met_at < shown_at),"
        " count(*) filter (clicked and met_at is null)"
        " from experiments.replayed_impressions"
        " left join (select user_key, item_key, min(occurred_at) as met_at"
        "     from inputs.interactions group by all) using (user_key, item_key)"
    )
    assert n_shown > 1000 and (n_met, n_early) == (0, 0)


def test_the_first_visit_of_a_replay_is_the_list(built):
    """Nothing was met yet, and ten items are shown."""
    [(n_shown, n_listed, n_users)] = built.rows(
        "select count(*), count(rank), count(distinct user_key)"
        " from experiments.replayed_impressions as shown"
        " inner join experiments.replayed_assignments using (user_key)"
        " left join evaluation.ranked_lists as lists on fold = 'holdout' and model = variant"
        " and lists.user_key = shown.user_key and lists.item_key = shown.item_key"
        " and rank = position where propensity is not null"
    )
    assert n_shown == n_listed == 10 * n_users > 1000


def test_a_replay_tests_only_what_a_list_can_change(built):
    rows = built.rows(
        "select distinct metric, control, variant from experiments.experiment_results"
    )
    assert {metric for metric, *_ in rows} == {
        "ctr",
        "ctr_gap",
        "category_diversity",
        "catalog_coverage",
    }
    assert {its[1:] for its in rows} == {("popular", "final")}


def test_a_replay_tells_off_policy_what_its_variants_saw(built):
    """Either list, judged by what both were shown, is as good as by those who were shown it."""
    rows = built.rows(
        "select policy, estimator, value, ci_low, ci_high, observed_value"
        " from experiments.off_policy_estimates where logging_policy = 'replay'"
    )
    assert {its[:2] for its in rows} == {
        (policy, estimator)
        for policy in ("popular", "final")
        for estimator in ("ips", "snips", "dm", "dr")
    }
    for _, estimator, value, low, high, observed in rows:
        if estimator == "dm":
            assert value == pytest.approx(observed, abs=0.03)
        else:
            assert low < observed < high


def test_a_replay_stays_out_of_what_is_recommended_and_planned(built):
    """Bandits and plans know of real impressions alone."""
    evidence = built.rows("select distinct evidence from features.bandit_arms")
    assert ("impressions",) not in evidence
    metrics = built.rows("select metric from experiments.metric_baselines")
    assert ("ctr",) not in metrics


def test_where_experiments_are_run_none_is_replayed(shop):
    assert shop.rows("select distinct experiment from experiments.assigned_users") == [("page",)]
    assert (
        shop.rows(
            "select table_name from information_schema.tables where table_name like 'replayed%'"
        )
        == []
    )
