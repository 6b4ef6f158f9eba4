"""Implicit alternating least squares: candidates from what people with like taste like."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from models_py.columns import CANDIDATES, Columns

# Users × items scored at once: bounds memory, at a few times 4 bytes a cell.
CELLS_PER_BATCH = 20_000_000


@dataclass(frozen=True)
class ALSParameters:
    """Parameters of :class:`ALS`."""

    factors: int = 64
    """Length of a user's and of an item's vector."""
    regularization: float = 0.3
    """L2 penalty on the vectors, for each unit of alpha × weight in a row; see :class:`ALS`."""
    iterations: int = 20
    """Sweeps over users and items."""
    alpha: float = 7.0
    """Confidence of a like is 1 + alpha × its weight; of a cell without one, 1."""
    random_state: int = 42
    """Seed of the first vectors."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When factors or iterations are below 1, alpha is not above 0, or regularization is
            negative.
        """
        if self.factors < 1 or self.iterations < 1:
            raise ValueError(
                f"ALS needs factors and iterations of at least 1, got {self.factors} "
                f"and {self.iterations}"
            )
        if self.alpha <= 0 or self.regularization < 0:
            raise ValueError(
                f"ALS needs alpha above 0 and regularization of at least 0, got {self.alpha} "
                f"and {self.regularization}"
            )


class ALS:
    """Matrix factorization of likes, each cell weighed by the confidence in it.

    Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008). The
    fit is the library ``implicit``'s, which takes what is in the matrix for the whole confidence.

    Its penalty is the same for every matrix, so that one value would be lost in a matrix with
    many likes and smother one with few. Here, as in Zhou et al., Large-scale Parallel
    Collaborative Filtering for the Netflix Prize (AAIM 2008), the penalty grows with what is
    observed in a row; implicit knows no penalty for each row, so all rows get that of the mean row.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> likes = csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=np.float32))
    >>> model = ALS(ALSParameters(factors=2, alpha=10.0)).fit(likes)
    >>> items, scores = model.recommend(np.array([0]), csr_matrix((1, 3)), np.array([1, 2]), k=1)
    >>> items.tolist()
    [[1]]
    """

    def __init__(self, parameters: ALSParameters) -> None:
        self.parameters = parameters

    def fit(self, likes: csr_matrix) -> "ALS":
        """Learn the vectors.

        Parameters
        ----------
        likes : csr_matrix, shape (n_users, n_items)
            Weight of each like, above 0.

        Returns
        -------
        ALS
            Itself, with ``user_factors_`` (n_users, factors) and ``item_factors_``
            (n_items, factors).
        """
        from implicit.cpu.als import AlternatingLeastSquares

        parameters = self.parameters
        # Each like is in the row of a user and in that of an item.
        mean_confidence = 2 * parameters.alpha * float(likes.sum()) / sum(likes.shape)
        confidences = likes.astype(np.float32)
        confidences.data = 1.0 + parameters.alpha * confidences.data
        # implicit calls BLAS from inside its own threads; BLAS threads on top of them can hang.
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=parameters.factors,
                regularization=parameters.regularization * mean_confidence,
                iterations=parameters.iterations,
                alpha=1.0,
                random_state=parameters.random_state,
            )
            model.fit(confidences, show_progress=False)
        self.user_factors_ = model.user_factors
        self.item_factors_ = model.item_factors
        return self

    def recommend(
        self, users: np.ndarray, seen: csr_matrix, items: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score the given items for the given users and keep the best that they have not seen.

        Parameters
        ----------
        users : int array, shape (n,)
            Rows of the matrix that was fitted.
        seen : csr_matrix, shape (n, n_items)
            Items to leave out, a row for each of ``users``.
        items : int array, shape (m,)
            Columns that may be recommended, ascending.
        k : int
            Items a user, at most.

        Returns
        -------
        tuple of arrays, shape (n, min(k, m))
            Columns and scores, best first, ties by column. An item that was seen scores -inf.
        """
        scores = self.user_factors_[users] @ self.item_factors_[items].T
        scores[seen[:, items].nonzero()] = -np.inf
        best = top_k(scores, k)
        return items[best], np.take_along_axis(scores, best, axis=1)


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Find the columns of the largest values in each row.

    Parameters
    ----------
    scores : float array, shape (n, m)
        Values.
    k : int
        Columns a row, at most.

    Returns
    -------
    int array, shape (n, min(k, m))
        Columns, largest value first, ties by column.

    Examples
    --------
    >>> top_k(np.array([[0.1, 0.7, 0.7, 0.3]]), k=3).tolist()
    [[1, 2, 3]]
    """
    n, m = scores.shape
    k = min(k, m)
    if k == 0:
        return np.empty((n, 0), dtype=np.intp)
    thresholds = np.partition(scores, m - k, axis=1)[:, m - k]
    best = np.empty((n, k), dtype=np.intp)
    for row, (values, threshold) in enumerate(zip(scores, thresholds, strict=True)):
        # Ascending columns, so that a stable sort leaves ties in their order.
        columns = np.flatnonzero(values >= threshold)
        best[row] = columns[np.argsort(-values[columns], kind="stable")[:k]]
    return best


def als_candidates(
    user_items: pa.Table, users: pa.Table, items: pa.Table, k: int, parameters: ALSParameters
) -> pa.Table:
    """Fit ALS on each fold by itself and propose ``k`` items to each of its users.

    Parameters
    ----------
    user_items : pa.Table
        One row per fold, user and item met: fold, user_key, item_key, is_positive, weight.
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    items : pa.Table
        One row per fold and item that may be proposed: fold, item_key.
    k : int
        Items a user, at most.
    parameters : ALSParameters
        How to fit.

    Returns
    -------
    pa.Table
        As ``columns.CANDIDATES``, in the order of fold, user and rank. Users without a like in
        the fold get no row: ALS knows nothing of them.
    """
    proposed = []
    for fold in sorted(pc.unique(user_items[Columns.FOLD]).to_pylist()):
        proposed.append(
            _candidates_of_fold(
                fold,
                _rows_of(user_items, fold),
                _rows_of(users, fold),
                _rows_of(items, fold),
                k,
                parameters,
            )
        )
    return pa.concat_tables(proposed) if proposed else CANDIDATES.empty_table()


def _rows_of(table: pa.Table, fold: str) -> pa.Table:
    return table.filter(pc.equal(table[Columns.FOLD], fold))


def _candidates_of_fold(
    fold: str, met: pa.Table, users: pa.Table, items: pa.Table, k: int, parameters: ALSParameters
) -> pa.Table:
    # A fit depends on the order of its rows, and tables have none.
    met = met.sort_by([(Columns.USER_KEY, "ascending"), (Columns.ITEM_KEY, "ascending")])
    liked = met[Columns.IS_POSITIVE].to_numpy(zero_copy_only=False)
    user_keys, rows = np.unique(met[Columns.USER_KEY].to_numpy(), return_inverse=True)
    item_keys, columns = np.unique(met[Columns.ITEM_KEY].to_numpy(), return_inverse=True)
    weights = met[Columns.WEIGHT].to_numpy(zero_copy_only=False)[liked]
    if not liked.any():
        return CANDIDATES.empty_table()
    shape = (len(user_keys), len(item_keys))
    likes = csr_matrix((weights, (rows[liked], columns[liked])), shape=shape)
    seen = csr_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)
    model = ALS(parameters).fit(likes)

    has_likes = np.diff(likes.indptr) > 0
    wanted = np.flatnonzero(np.isin(user_keys, users[Columns.USER_KEY].to_numpy()) & has_likes)
    # Nothing is known of an item that nobody liked.
    is_known = np.bincount(likes.indices, minlength=len(item_keys)) > 0
    allowed = np.flatnonzero(np.isin(item_keys, items[Columns.ITEM_KEY].to_numpy()) & is_known)

    batches = []
    n_users = max(1, CELLS_PER_BATCH // max(1, len(allowed)))
    for start in range(0, len(wanted), n_users):
        batch = wanted[start : start + n_users]
        best, scores = model.recommend(batch, seen[batch], allowed, k)
        kept = np.isfinite(scores)
        ranks = np.broadcast_to(np.arange(1, best.shape[1] + 1), best.shape)
        n_kept = int(kept.sum())
        batches.append(
            pa.table(
                [
                    pa.repeat(fold, n_kept),
                    pa.repeat("als", n_kept),
                    np.repeat(user_keys[batch], kept.sum(axis=1)).astype(np.int32),
                    item_keys[best[kept]].astype(np.int32),
                    scores[kept].astype(np.float64),
                    ranks[kept].astype(np.int32),
                ],
                schema=CANDIDATES,
            )
        )
    return pa.concat_tables(batches) if batches else CANDIDATES.empty_table()
