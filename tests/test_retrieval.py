"""Vector search against comparing every item."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from models_py.columns import ITEM, USER
from models_py.retrieval import RetrievalParameters, VectorIndex, ann_recall, vector_candidates
from models_py.tables import vector_rows

RANDOM = np.random.default_rng(0)
# Lengths that differ by a factor of ten and more: what an inner product is most unlike a distance.
ITEMS = RANDOM.normal(size=(3000, 16)) * RANDOM.lognormal(size=(3000, 1))
USERS = RANDOM.normal(size=(50, 16))
# Few enough digits for their inner products to be exact, in whatever order they are summed.
ITEMS, USERS = ((np.round(vectors * 128) / 128).astype(np.float32) for vectors in (ITEMS, USERS))
APPROXIMATE = {
    "hnsw": RetrievalParameters(exact_up_to=0, hnsw_ef_search=300),
    "ivf": RetrievalParameters(exact_up_to=0, index_type="ivf", ivf_probes=150),
}


def true_top(users, items, k):
    scores = users.astype(float) @ items.T.astype(float)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@settings(max_examples=30, deadline=None)
@given(n_items=st.integers(1, 40), k=st.integers(1, 50), seed=st.integers(0, 100))
def test_exact_search_is_that_of_comparing_every_item(n_items, k, seed):
    # Small whole numbers: many ties, which go to the earlier place, and no rounding.
    random = np.random.default_rng(seed)
    items, users = random.integers(-2, 3, (n_items, 3)), random.integers(-2, 3, (4, 3))
    index = VectorIndex(RetrievalParameters()).fit(items)
    places, scores = index.search(users, min(k, n_items))
    if k >= n_items:
        assert places.tolist() == true_top(users, items, k).tolist()
    expected = np.sort(users @ items.T, axis=1)[:, ::-1][:, : min(k, n_items)]
    assert scores.tolist() == expected.tolist()


@settings(max_examples=30, deadline=None)
@given(n_items=st.integers(1, 40), k=st.integers(1, 50), seed=st.integers(0, 100))
def test_exact_search_leaves_out_what_was_met(n_items, k, seed):
    random = np.random.default_rng(seed)
    items, users = random.integers(-2, 3, (n_items, 3)), random.integers(-2, 3, (4, 3))
    seen = csr_matrix(random.random((4, n_items)) < [[0.0], [0.3], [0.9], [1.0]])
    index = VectorIndex(RetrievalParameters()).fit(items)
    places, scores = index.search_unseen(users, seen, k)
    all_scores = np.where(seen.toarray(), -np.inf, users @ items.T)
    expected = np.sort(all_scores, axis=1)[:, ::-1][:, : min(k, n_items)]
    assert scores.tolist() == expected.tolist()
    assert np.take_along_axis(all_scores, places, 1).tolist() == expected.tolist()


@pytest.mark.parametrize("lengths", ["as drawn", "equal"])
def test_short_vectors_are_passed_over_where_long_ones_do_better(lengths):
    """Enough users to judge by some; among them one who has met all long vectors, one who has met
    nearly everything and one without a taste, who need the short ones.
    """
    random = np.random.default_rng(1)
    users = np.round(random.normal(size=(400, 16)) * 128) / 128
    items = ITEMS if lengths == "as drawn" else np.sign(ITEMS)
    long = np.argsort(-np.linalg.norm(items, axis=1))
    seen = random.random((400, len(items))) < 0.01
    seen[10, long[:2500]] = True
    seen[21, long[7:]] = True
    users[30] = 0.0
    index = VectorIndex(RetrievalParameters()).fit(items)
    places, scores = index.search_unseen(users, csr_matrix(seen), 20)
    all_scores = np.where(seen, -np.inf, users @ items.T)
    assert scores.tolist() == np.sort(all_scores, axis=1)[:, ::-1][:, :20].tolist()
    assert np.take_along_axis(all_scores, places, 1).tolist() == scores.tolist()
    n_to_look_at = index._n_to_look_at(users.astype(np.float32), csr_matrix(seen), 20)
    assert (n_to_look_at < 1000) is (lengths == "as drawn")


@pytest.mark.parametrize("index_type", APPROXIMATE)
def test_an_index_finds_the_largest_inner_products(index_type):
    index = VectorIndex(APPROXIMATE[index_type]).fit(ITEMS)
    assert index.index_type_ == index_type
    places, scores = index.search(USERS, 50)
    true = true_top(USERS, ITEMS, 50)
    recall = np.mean([np.isin(t, p).mean() for t, p in zip(true, places, strict=True)])
    assert recall > 0.95
    assert scores == pytest.approx(np.take_along_axis(USERS @ ITEMS.T, places, 1), rel=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("index_type", APPROXIMATE)
def test_an_index_is_built_the_same_every_time(index_type):
    first, second = (VectorIndex(APPROXIMATE[index_type]).fit(ITEMS) for _ in range(2))
    for one, other in zip(first.search(USERS, 50), second.search(USERS, 50), strict=True):
        assert one.tolist() == other.tolist()


def tables():
    vectors = pa.concat_tables(
        [
            vector_rows("f", ITEM, np.arange(100, 3100), ITEMS),
            vector_rows("f", USER, np.arange(50), USERS),
        ]
    )
    vectors = vectors.add_column(1, "source", pa.repeat("als", len(vectors)))
    users = pa.table({"fold": ["f"] * 49, "user_key": pa.array(range(49), pa.int32())})
    items = pa.table({"fold": ["f"] * 2900, "item_key": pa.array(range(200, 3100), pa.int32())})
    return vectors, users, items


def test_what_was_met_makes_room_for_what_was_not():
    """Users have met their best items, up to all but a few: the next best take their place."""
    vectors, users, items = tables()
    available = np.arange(100, 3000)
    order = available[true_top(USERS, ITEMS[available], len(available))]
    n_met = np.linspace(0, len(available) - 5, 50).astype(int)
    met = [(user, 100 + place) for user, n in enumerate(n_met) for place in order[user, :n]]
    user_items = pa.table(
        {
            "fold": ["f"] * len(met),
            "user_key": pa.array([user for user, _ in met], pa.int32()),
            "item_key": pa.array([item for _, item in met], pa.int32()),
        }
    )
    proposed = vector_candidates(vectors, user_items, users, items, 20, RetrievalParameters())
    lists = {}
    for row in proposed.read_all().sort_by([("rank", "ascending")]).to_pylist():
        lists.setdefault(row["user_key"], []).append(row["item_key"])
    assert lists == {
        user: (100 + order[user, n_met[user] : n_met[user] + 20]).tolist() for user in range(49)
    }


def test_recall_is_measured_against_all_items():
    vectors, users, items = tables()
    [exact] = ann_recall(vectors, users, items, 20, 10, RetrievalParameters()).to_pylist()
    assert exact == {
        **{"fold": "f", "source": "als", "index_type": "exact"},
        **{"n_items": 2900, "n_users": 10, "k": 20, "recall": 1.0},
    }
    poor = RetrievalParameters(exact_up_to=0, index_type="ivf", ivf_probes=1)
    [measured] = ann_recall(vectors, users, items, 20, 10, poor).to_pylist()
    assert measured["index_type"] == "ivf" and measured["recall"] < 0.9
