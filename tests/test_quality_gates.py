"""Builds that are not good enough stop by name; what was measured and how lists change is kept."""

import duckdb
import pytest

LAST = ("build", "--exclude-resource-types", "unit_test", "--select")
GATED = (*LAST, "quality_gates", "metrics_history")
NDCG = {"metric": "ndcg", "k": 10}


def runs(warehouse) -> list[tuple]:
    return warehouse.rows(
        "select run_id, dataset, data_fingerprint, min(duration_seconds), count(*)"
        " from evaluation.metrics_history group by all order by min(run_at)"
    )


def test_a_build_is_remembered(built):
    [(_, dataset, fingerprint, seconds, n_rows)] = runs(built)
    assert dataset == "ml-100k" and len(fingerprint) == 32 and 0 < seconds < 3600
    assert [(n_rows,)] == built.rows(
        "select count(*) from evaluation.metrics where segment_kind = 'all'"
    )


def test_a_gate_that_does_not_hold_stops_the_build_by_name(copy):
    before = runs(copy)
    gates = [
        {**NDCG, "minimum": 0.99},
        {"metric": "gini", "k": 10, "model": "als", "maximum": 0.01},
        {**NDCG, "segment_kind": "history", "segment": "nobody", "minimum": 0.0},
        {**NDCG, "minimum": 0.0},
    ]
    result = copy.dbt(*GATED, quality_gates=gates)
    assert result.returncode != 0
    for words in (
        "ndcg@10 of final on holdout is 0.",
        "below 0.9900",
        "gini@10 of als on holdout is 0.",
        "above 0.0100",
        "ndcg@10 of final on holdout for nobody is not measured",
    ):
        assert words in result.stdout, words
    # What comes after it is as it was.
    assert runs(copy) == before
    assert copy.rows("select count(*), count(problem) from evaluation.quality_gates") == [(4, 3)]


def test_a_gate_may_only_warn(copy):
    gates = [{**NDCG, "minimum": 0.99, "severity": "warn"}]
    result = copy.dbt(*GATED, quality_gates=gates)
    assert result.returncode == 0, result.stdout
    assert "Quality gates: ndcg@10 of final on holdout" in result.stdout
    assert len(runs(copy)) == 2


def test_a_fall_is_measured_from_the_last_build(copy):
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute(
            "update evaluation.metrics_history set value = value + 0.1 where metric = 'ndcg'"
        )
    result = copy.dbt(*GATED, quality_gates=[{**NDCG, "maximal_drop": 0.05}])
    assert result.returncode != 0
    assert "more than 0.0500 below the" in result.stdout
    assert copy.dbt(*GATED, quality_gates=[{**NDCG, "maximal_drop": 0.15}]).returncode == 0
    # That build is the last one now.
    assert copy.dbt(*GATED, quality_gates=[{**NDCG, "maximal_drop": 0.0}]).returncode == 0
    assert len({fingerprint for _, _, fingerprint, *_ in runs(copy)}) == 1


def test_history_survives_a_full_refresh(copy):
    assert copy.dbt(*GATED, "--full-refresh").returncode == 0
    assert len(runs(copy)) == 2


def test_how_much_of_the_lists_is_new(copy):
    again = ("run", "--select", "recommendations", "list_churn")
    assert copy.dbt(*again).returncode == 0
    churn = "select k, n_users, churn, unchanged_share from evaluation.list_churn order by k"
    assert copy.rows(churn) == [(k, 943, 0.0, 1.0) for k in (5, 10, 20)]
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute(
            "update recommendations.recommendations set item_id = 'gone' where rank = 7"
        )
    assert copy.dbt(*again).returncode == 0
    assert copy.rows(churn) == [
        (5, 943, 0.0, 1.0),
        (10, 943, pytest.approx(0.1), 0.0),
        (20, 943, pytest.approx(0.05), 0.0),
    ]


def test_gates_that_make_no_sense_are_refused(warehouse):
    gates = [
        {"metric": "ndcg", "minimum": 0.1},
        NDCG,
        {**NDCG, "minimum": "high"},
        {**NDCG, "minimum": 0.1, "severity": "maybe"},
        {**NDCG, "minimum": 0.1, "segment": "F"},
        {**NDCG, "minimal": 0.1},
    ]
    result = warehouse.dbt("compile", "--select", "quality_gates", quality_gates=gates)
    assert result.returncode != 0
    for words in (
        "needs a metric and a k",
        "needs one of minimum, maximum and maximal_drop",
        "minimum must be a number",
        "severity is error or warn",
        "segment_kind and segment go together",
        "there is no minimal",
    ):
        assert words in result.stdout, words
