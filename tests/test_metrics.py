"""The metrics in SQL against those of an independent library, on the lists that were built."""

import ir_measures
import pytest
from ir_measures import AP, RR, R, nDCG

K = 10
MEASURES = {"recall": R @ K, "ndcg": nDCG @ K, "map": AP @ K, "mrr": RR @ K}


@pytest.fixture(scope="module", params=["tune", "holdout"])
def fold(request):
    return request.param


@pytest.fixture(scope="module")
def labels(built, fold):
    """Every user with something to find, and what."""
    labels = {}
    query = (
        "select users.user_id, items.item_id from folds.test_positives"
        " inner join inputs.users using (user_key) inner join inputs.items using (item_key)"
        " semi join folds.fold_users using (fold, user_key) where fold = $1"
    )
    for user, item in built.rows(query, [fold]):
        labels.setdefault(user, {})[item] = 1
    return labels


def test_metrics_agree_with_ir_measures(built, fold, labels):
    lists = {}
    query = "select user_id, item_id, rank from recommendations.recommendations where fold = $1"
    for user, item, rank in built.rows(query, [fold]):
        lists.setdefault(user, {})[item] = -float(rank)
    ours = {
        (user, metric): value
        for user, *values in built.rows(
            "select users.user_id, recall, ndcg, map, mrr from evaluation.user_metrics"
            " inner join inputs.users using (user_key)"
            " where fold = $1 and model = 'final' and k = $2",
            [fold, K],
        )
        for metric, value in zip(MEASURES, values, strict=True)
    }
    measured = set()
    for metric, measure in MEASURES.items():
        for result in ir_measures.iter_calc([measure], labels, lists):
            value = result.value
            if metric == "map":
                # The library divides by all n labels; ours by those that k places can hold.
                n_labels = len(labels[result.query_id])
                value *= n_labels / min(K, n_labels)
            key = (result.query_id, metric)
            assert ours[key] == pytest.approx(value, abs=1e-9), key
            measured.add(key)
    assert measured == set(ours)


def test_means_are_the_means_of_the_users(built, fold, labels):
    query = (
        "select metrics.metric, metrics.value, metrics.n_users from evaluation.metrics"
        " where fold = $1 and model = 'final' and k = $2 and segment_kind = 'all'"
    )
    means = {metric: (value, n_users) for metric, value, n_users in built.rows(query, [fold, K])}
    for metric in MEASURES:
        [(mean,)] = built.rows(
            f"select avg({metric}) from evaluation.user_metrics"
            " where fold = $1 and model = 'final' and k = $2",
            [fold, K],
        )
        assert means[metric] == (pytest.approx(mean, abs=1e-12), len(labels))


def test_segments_of_a_kind_add_up_to_all(built, fold, labels):
    query = (
        "select sum(n_users) from evaluation.metrics where fold = $1 and model = 'final'"
        " and metric = 'ndcg' and k = $2 and segment_kind = 'history'"
    )
    assert built.rows(query, [fold, K]) == [(len(labels),)]
