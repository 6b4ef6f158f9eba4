"""ALS against the definition in the paper, and what must hold for any likes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from models_py.als import ALS, ALSParameters, als_candidates, top_k


def test_vectors_solve_the_normal_equations():
    """After a sweep each item vector is the least squares solution, given the user vectors.

    (Xᵀ C X + λ I) y = Xᵀ C p, with confidence C = 1 + α × weight (Hu et al. 2008, equation 5).
    """
    random = np.random.default_rng(0)
    weights = np.where(random.random((30, 12)) < 0.3, 1.0 + random.random((30, 12)), 0.0)
    parameters = ALSParameters(factors=4, regularization=0.1, iterations=400, alpha=5.0)
    model = ALS(parameters).fit(csr_matrix(weights))
    users, items = model.user_factors_.astype(float), model.item_factors_.astype(float)
    penalty = parameters.regularization * 2 * parameters.alpha * weights.sum() / sum(weights.shape)
    for item in range(weights.shape[1]):
        confidences = 1.0 + parameters.alpha * weights[:, item]
        left = (users.T * confidences) @ users + penalty * np.eye(parameters.factors)
        right = (users.T * confidences) @ (weights[:, item] > 0)
        assert items[item] == pytest.approx(np.linalg.solve(left, right), abs=2e-3)


tables = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 8), st.booleans()),
    unique_by=lambda row: row[:2],
    max_size=30,
)


def candidates(rows, k):
    met = pa.table(
        {
            "fold": pa.array(["f"] * len(rows), pa.string()),
            "user_key": pa.array([row[0] for row in rows], pa.int32()),
            "item_key": pa.array([row[1] for row in rows], pa.int32()),
            "is_positive": pa.array([row[2] for row in rows], pa.bool_()),
            "weight": pa.array([1.0 if row[2] else None for row in rows], pa.float64()),
        }
    )
    users = pa.table({"fold": ["f"] * 6, "user_key": pa.array(range(1, 7), pa.int32())})
    items = pa.table({"fold": ["f"] * 7, "item_key": pa.array(range(1, 8), pa.int32())})
    parameters = ALSParameters(factors=2, iterations=2)
    return als_candidates(met, users, items, k, parameters).to_pylist()


@settings(max_examples=40, deadline=None)
@given(rows=tables, k=st.integers(1, 10))
def test_candidates_are_new_available_and_ranked(rows, k):
    proposed = candidates(rows, k)
    met = {row[:2] for row in rows}
    liked = {row[1] for row in rows if row[2]}
    by_user = {}
    for row in proposed:
        assert (row["user_key"], row["item_key"]) not in met
        assert row["item_key"] in liked and row["item_key"] <= 7
        by_user.setdefault(row["user_key"], []).append((row["rank"], -row["score"]))
    for places in by_user.values():
        assert [rank for rank, _ in places] == list(range(1, len(places) + 1))
        assert len(places) <= k
        assert places == sorted(places)
    # Who likes something is proposed all that is left, up to k.
    for user in {row[0] for row in rows if row[2]}:
        left = {item for item in liked if item <= 7 and (user, item) not in met}
        assert len(by_user.get(user, [])) == min(k, len(left))


@settings(max_examples=10, deadline=None)
@given(rows=tables, seed=st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(rows, seed):
    shuffled = list(rows)
    seed.shuffle(shuffled)
    assert candidates(rows, 5) == candidates(shuffled, 5)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(0, 9).flatmap(
        lambda m: st.lists(
            st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0]), min_size=m, max_size=m), max_size=4
        ).map(lambda values: np.array(values, dtype=np.float32).reshape(len(values), m))
    ),
    k=st.integers(0, 10),
)
def test_top_k_is_the_head_of_a_stable_sort(rows, k):
    assert top_k(rows, k).tolist() == np.argsort(-rows, axis=1, kind="stable")[:, :k].tolist()


@pytest.mark.parametrize(
    "wrong", [{"factors": 0}, {"iterations": 0}, {"alpha": 0.0}, {"regularization": -1.0}]
)
def test_parameters_that_cannot_be_fitted_are_refused(wrong):
    with pytest.raises(ValueError, match="ALS needs"):
        ALSParameters(**wrong)
