"""The metrics in SQL against an independent library's, and against plain Python, as built."""

from collections import Counter, defaultdict
from itertools import combinations
from math import log2

import ir_measures
import pytest
from ir_measures import AP, RR, P, R, nDCG

K = 10
MEASURES = {
    "recall": R @ K,
    "precision": P @ K,
    "ndcg": nDCG @ K,
    "map": AP @ K,
    "mrr": RR @ K,
}


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
            "select users.user_id, recall, precision, ndcg, map, mrr from evaluation.user_metrics"
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


# ---------- what lists are like, told by plain Python ----------

MODELS = ("final", "als", "trending")


@pytest.fixture(scope="module")
def told(built, fold):
    """What the metrics are worked out from, as dictionaries."""

    def grouped(query: str, *parameters) -> dict:
        groups = defaultdict(set)
        for key, value in built.rows(query, parameters):
            groups[key].add(value)
        return groups

    lists = defaultdict(dict)
    for model, user, item in built.rows(
        "select model, user_key, item_key from evaluation.ranked_lists"
        " where fold = $1 and rank <= $2 order by model, user_key, rank",
        [fold, K],
    ):
        lists[model].setdefault(user, []).append(item)
    return {
        "lists": lists,
        "users": [
            user
            for (user,) in built.rows(
                "select user_key from evaluation.evaluated_users where fold = $1"
                " and segment_kind = 'all'",
                [fold],
            )
        ],
        "categories": grouped(
            "select item_key, attribute from inputs.item_attributes where kind = 'category'"
        ),
        "met": grouped("select user_key, item_key from folds.user_items where fold = $1", fold),
        "liked": grouped(
            "select user_key, item_key from folds.user_items where fold = $1 and is_positive", fold
        ),
        "found": grouped(
            "select user_key, item_key from folds.test_positives where fold = $1", fold
        ),
        "items": {
            item
            for (item,) in built.rows(
                "select item_key from folds.fold_items where fold = $1", [fold]
            )
        },
    }


def of_users(built, fold, metric: str) -> dict:
    return {
        (model, user): value
        for model, user, value in built.rows(
            f"select model, user_key, {metric} from evaluation.user_metrics"
            " where fold = $1 and k = $2",
            [fold, K],
        )
        if model in MODELS
    }


def of_everybody(built, fold, metric: str) -> dict:
    return {
        model: value
        for model, value in built.rows(
            "select model, value from evaluation.metrics where fold = $1 and k = $2"
            " and metric = $3 and segment = 'all'",
            [fold, K, metric],
        )
        if model in MODELS
    }


def agree(ours: dict, expected: dict) -> None:
    assert set(ours) == set(expected)
    for key, value in expected.items():
        if value is None:
            assert ours[key] is None, key
        else:
            assert ours[key] == pytest.approx(value, abs=1e-9), key


def for_every_list(told, metric) -> dict:
    return {
        (model, user): metric(user, told["lists"][model].get(user, []))
        for model in MODELS
        for user in told["users"]
    }


def test_diversity_is_one_less_jaccard(built, fold, told):
    def diversity(_, items):
        sets = [told["categories"][item] for item in items if told["categories"].get(item)]
        distances = [1 - len(a & b) / len(a | b) for a, b in combinations(sets, 2)]
        return sum(distances) / len(distances) if distances else None

    agree(of_users(built, fold, "diversity"), for_every_list(told, diversity))


def test_novelty_is_in_bits(built, fold, told):
    n_met = Counter(item for items in told["met"].values() for item in items)

    def novelty(_, items):
        bits = [-log2(max(n_met[item], 1) / len(told["met"])) for item in items]
        return sum(bits) / len(bits) if bits else None

    agree(of_users(built, fold, "novelty"), for_every_list(told, novelty))


def test_calibration_is_the_divergence_of_two_mixes(built, fold, told):
    def mix(items):
        sets = [told["categories"][item] for item in items if told["categories"].get(item)]
        shares = Counter()
        for its in sets:
            for category in its:
                shares[category] += 1 / len(its) / len(sets)
        return shares

    def divergence(user, items):
        liked, listed = mix(told["liked"].get(user, ())), mix(items)
        if not liked or not listed:
            return None
        return sum(
            p * log2(p / (0.99 * listed[category] + 0.01 * p)) for category, p in liked.items()
        )

    agree(of_users(built, fold, "calibration_kl"), for_every_list(told, divergence))


def test_surprises_are_hits_that_popularity_would_not_make(built, fold, told):
    likes = Counter(item for items in told["liked"].values() for item in items)
    popular = sorted(told["items"], key=lambda item: (-likes[item], item))

    def serendipity(user, items):
        expected = [item for item in popular if item not in told["met"].get(user, ())][:K]
        return len((set(items) & told["found"][user]) - set(expected)) / K

    agree(of_users(built, fold, "serendipity"), for_every_list(told, serendipity))


def test_rare_items_weigh_more(built, fold, told):
    n_met = Counter(item for items in told["met"].values() for item in items)
    most = max(n_met[item] for item in told["items"])

    def weight(item):
        share = n_met[item] / most if item in told["items"] else 0
        return 1 / max(share**0.5, 0.01)

    def recall(user, items):
        found = told["found"][user]
        return sum(map(weight, found & set(items))) / sum(map(weight, found))

    def ndcg(user, items):
        found = told["found"][user]
        gain = sum(weight(i) / log2(n + 2) for n, i in enumerate(items) if i in found)
        best = sorted(map(weight, found), reverse=True)[:K]
        return gain / sum(its / log2(n + 2) for n, its in enumerate(best))

    agree(of_users(built, fold, "recall_ips"), for_every_list(told, recall))
    agree(of_users(built, fold, "ndcg_ips"), for_every_list(told, ndcg))


def test_the_catalogue_is_used_as_counted(built, fold, told):
    coverage, gini, similarity = {}, {}, {}
    for model in MODELS:
        lists = told["lists"][model]
        shown = Counter(item for items in lists.values() for item in items)
        coverage[model] = len(shown) / len(told["items"])
        exposures = sorted(shown[item] for item in told["items"])
        n = len(exposures)
        gini[model] = sum((2 * place - n - 1) * its for place, its in enumerate(exposures, 1)) / (
            n * sum(exposures)
        )
        overlaps = [len(set(a) & set(b)) / K for a, b in combinations(lists.values(), 2)]
        similarity[model] = sum(overlaps) / len(overlaps)
    agree(of_everybody(built, fold, "catalog_coverage"), coverage)
    agree(of_everybody(built, fold, "gini"), gini)
    agree(of_everybody(built, fold, "inter_user_similarity"), similarity)
