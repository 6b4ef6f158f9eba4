"""The learned sources: each against a naive reference, and what must hold for any likes."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse import random as sparse_random

from models_py.als import ALS, ALSParameters, als_vectors
from models_py.ease import EASE, EASEParameters, ease_candidates
from models_py.retrieval import RetrievalParameters, vector_candidates
from models_py.svd import PureSVD, SVDParameters, right_singular_vectors, svd_vectors

WEIGHTS = np.where(
    np.random.default_rng(0).random((30, 12)) < 0.3,
    1.0 + np.random.default_rng(1).random((30, 12)),
    0.0,
)


# ---------- against the definitions ----------


def als_loss(users, items, parameters, penalty):
    """Σ c (p − x·y)² + λ (Σ|x|² + Σ|y|²) over every cell (Hu et al. 2008, equation 3)."""
    confidences = 1.0 + parameters.alpha * WEIGHTS
    squares = confidences * ((WEIGHTS > 0) - users @ items.T) ** 2
    return squares.sum() + penalty * ((users**2).sum() + (items**2).sum())


def test_als_solves_the_normal_equations():
    """(Yᵀ C Y + λ I) x = Yᵀ C p, with confidence C = 1 + α × weight (equations 4 and 5)."""
    parameters = ALSParameters(factors=4, regularization=0.1, iterations=200, alpha=5.0)
    model = ALS(parameters).fit(csr_matrix(WEIGHTS))
    items = model.item_factors_.astype(float)
    users = model.fold_in(csr_matrix(WEIGHTS)).astype(float)
    penalty = parameters.regularization * 2 * parameters.alpha * WEIGHTS.sum() / sum(WEIGHTS.shape)
    assert model.penalty_ == pytest.approx(penalty)

    def solution(weights, others):
        confidences = 1.0 + parameters.alpha * weights
        left = (others.T * confidences) @ others + penalty * np.eye(parameters.factors)
        return np.linalg.solve(left, (others.T * confidences) @ (weights > 0))

    for user, vector in enumerate(users):
        assert vector == pytest.approx(solution(WEIGHTS[user], items), abs=1e-5)
    # The items' own solution is what the sweeps converge to.
    for item, vector in enumerate(items):
        assert vector == pytest.approx(solution(WEIGHTS[:, item], users), abs=2e-3)


def test_als_lowers_its_loss_with_every_few_sweeps():
    losses = []
    for iterations in (1, 2, 4, 8, 16):
        parameters = ALSParameters(factors=4, iterations=iterations, alpha=5.0)
        model = ALS(parameters).fit(csr_matrix(WEIGHTS))
        users = model.fold_in(csr_matrix(WEIGHTS)).astype(float)
        losses.append(
            als_loss(users, model.item_factors_.astype(float), parameters, model.penalty_)
        )
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_of_too_many_users_als_learns_from_those_with_two_likes():
    """Somebody with one like has a vector by it, but teaches nothing."""
    likes = np.zeros((30, 13))
    likes[:, :12] = WEIGHTS
    # The last item is liked by people who like nothing else.
    some_have_one = np.concatenate([likes, np.eye(13), np.eye(13)])
    n_users = np.count_nonzero((likes > 0).sum(axis=1) > 1)
    user_keys, item_keys = np.nonzero(some_have_one)
    met = pa.table(
        {
            "fold": ["f"] * len(user_keys),
            "user_key": user_keys.astype(np.int32),
            "item_key": item_keys.astype(np.int32),
            "is_positive": [True] * len(user_keys),
            "weight": some_have_one[user_keys, item_keys],
        }
    )
    users = pa.table({"fold": ["f"] * 56, "user_key": pa.array(range(56), pa.int32())})

    def vectors(max_users):
        rows = als_vectors([met], users, ALSParameters(factors=4, max_users=max_users))
        return {
            entity: dict(zip(of["key"].to_pylist(), of["vector"].to_pylist(), strict=True))
            for entity in ("user", "item")
            for of in [rows.filter(pc.equal(rows["entity"], entity))]
        }

    everybody, those_with_two = vectors(None), vectors(n_users)
    assert everybody["item"].keys() == set(range(13))
    assert those_with_two["item"].keys() == set(range(12))
    friends_of_the_last = {30 + 12, 43 + 12}
    assert everybody["user"].keys() - those_with_two["user"].keys() == friends_of_the_last
    assert vectors(n_users) == those_with_two
    # Fewer of them are other people.
    assert vectors(n_users // 2)["item"] != those_with_two["item"]
    # Where nobody has two likes, nothing is learned.
    assert (
        not ALS(ALSParameters(factors=4, max_users=5))
        .fit(csr_matrix(np.eye(13)))
        .item_factors_.any()
    )


def test_ease_is_the_constrained_ridge_regression():
    """Column j solves the ridge regression of item j on all others, itself left out."""
    liked = (WEIGHTS > 0).astype(float)
    weights = EASE(EASEParameters(regularization=3.0)).fit(csr_matrix(WEIGHTS)).weights_
    for item in range(liked.shape[1]):
        others = np.delete(liked, item, axis=1)
        left = others.T @ others + 3.0 * np.eye(others.shape[1])
        expected = np.linalg.solve(left, others.T @ liked[:, item])
        assert np.delete(weights[:, item], item) == pytest.approx(expected, abs=1e-6)
        assert weights[item, item] == 0


@pytest.mark.parametrize("damping", [0.0, 0.7])
@pytest.mark.parametrize("factors", [3, 12, 20])
def test_svd_is_numpys_up_to_sign(factors, damping):
    parameters = SVDParameters(factors=factors, damping=damping)
    vectors = PureSVD(parameters).fit(csr_matrix(WEIGHTS)).item_factors_
    norms = np.sqrt((WEIGHTS**2).sum(axis=0))
    expected = np.linalg.svd(WEIGHTS / norms**damping)[2].T[:, :factors]
    n_known = expected.shape[1]
    assert np.abs(vectors[:, :n_known]) == pytest.approx(np.abs(expected), abs=1e-6)
    assert vectors[:, :n_known] @ vectors[:, :n_known].T == pytest.approx(
        expected @ expected.T, abs=1e-6
    )
    # There are as many columns as asked for, whatever the matrix has.
    assert vectors.shape == (12, factors)
    assert not vectors[:, n_known:].any()


def test_svd_of_a_large_matrix_is_numpys_too(monkeypatch):
    monkeypatch.setattr("models_py.svd.DENSE_UP_TO", 0)
    first, second = (
        PureSVD(SVDParameters(factors=3)).fit(csr_matrix(WEIGHTS)).item_factors_ for _ in range(2)
    )
    monkeypatch.undo()
    dense = PureSVD(SVDParameters(factors=3)).fit(csr_matrix(WEIGHTS)).item_factors_
    assert first == pytest.approx(dense, abs=1e-6)
    assert first.tolist() == second.tolist()


def test_svd_needs_nothing_for_rows_without_entries():
    """So that it may be asked of a few users among millions."""
    random = np.random.default_rng(0)
    few = sparse_random(2000, 1000, density=0.01, format="csr", rng=random)
    many = csr_matrix((few.data, few.indices, np.append(few.indptr, [few.nnz] * 1_000_000)))
    tracemalloc.start()
    values, vectors = right_singular_vectors(many, 4, random_state=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
    expected_values, expected_vectors = right_singular_vectors(few, 4, random_state=0)
    assert values == pytest.approx(expected_values)
    assert vectors == pytest.approx(expected_vectors, abs=1e-6)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: ALSParameters(factors=0),
        lambda: ALSParameters(alpha=0.0),
        lambda: ALSParameters(max_users=0),
        lambda: EASEParameters(regularization=0.0),
        lambda: EASEParameters(max_items=0),
        lambda: SVDParameters(factors=0),
        lambda: SVDParameters(damping=1.5),
        lambda: RetrievalParameters(index_type="lsh"),
        lambda: RetrievalParameters(hnsw_m=0),
    ],
)
def test_parameters_that_cannot_be_fitted_are_refused(refused):
    with pytest.raises(ValueError, match="must be|needs"):
        refused()


# ---------- what holds for every source ----------


def through_vectors(source, make_vectors):
    def candidates(met, users, items, k):
        vectors = make_vectors(met, users)
        vectors = vectors.add_column(1, "source", pa.repeat(source, len(vectors)))
        return vector_candidates(vectors, met, users, items, k, RetrievalParameters())

    return candidates


SOURCES = {
    "als": through_vectors(
        "als", lambda met, users: als_vectors([met], users, ALSParameters(factors=2, iterations=2))
    ),
    "svd": through_vectors(
        "svd", lambda met, users: svd_vectors([met], users, SVDParameters(factors=2))
    ),
    "ease": lambda met, users, items, k: ease_candidates([met], users, items, k, EASEParameters()),
}


def candidates(source, rows, k):
    """What a source proposes to users 1 to 6 of items 1 to 7."""
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
    proposed = SOURCES[source](met, users, items, k).read_all()
    return proposed.sort_by([("user_key", "ascending"), ("rank", "ascending")]).to_pylist()


tables = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 8), st.booleans()),
    unique_by=lambda row: row[:2],
    max_size=30,
)


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=40, deadline=None)
@given(rows=tables, k=st.integers(1, 10))
def test_candidates_are_new_available_and_ranked(source, rows, k):
    met = {row[:2] for row in rows}
    liked = {row[1] for row in rows if row[2]}
    by_user = {}
    for row in candidates(source, rows, k):
        assert row["source"] == source
        assert (row["user_key"], row["item_key"]) not in met
        assert row["item_key"] in liked and row["item_key"] <= 7
        by_user.setdefault(row["user_key"], []).append((row["rank"], -row["score"]))
    for places in by_user.values():
        assert [rank for rank, _ in places] == list(range(1, len(places) + 1))
        assert places == sorted(places)
    # Who likes something is proposed all that is left, up to k.
    for user in {row[0] for row in rows if row[2]}:
        left = {item for item in liked if item <= 7 and (user, item) not in met}
        assert len(by_user.get(user, [])) == min(k, len(left))


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=10, deadline=None)
@given(rows=tables, seed=st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(source, rows, seed):
    shuffled = list(rows)
    seed.shuffle(shuffled)
    assert candidates(source, rows, 5) == candidates(source, shuffled, 5)


def test_ease_takes_the_most_liked_items_only():
    rows = [(user, item, True) for user in range(1, 7) for item in range(1, 8) if user <= item]
    met, users, items = (
        pa.table(
            {
                "fold": ["f"] * len(rows),
                "user_key": pa.array([row[0] for row in rows], pa.int32()),
                "item_key": pa.array([row[1] for row in rows], pa.int32()),
                "is_positive": [True] * len(rows),
                "weight": [1.0] * len(rows),
            }
        ),
        pa.table({"fold": ["f"] * 6, "user_key": pa.array(range(1, 7), pa.int32())}),
        pa.table({"fold": ["f"] * 7, "item_key": pa.array(range(1, 8), pa.int32())}),
    )
    proposed = ease_candidates([met], users, items, 10, EASEParameters(max_items=3)).read_all()
    # Items 5, 6 and 7 have the most likes; only user 6 lacks one of them.
    assert [(row["user_key"], row["item_key"]) for row in proposed.to_pylist()] == [(6, 5)]
