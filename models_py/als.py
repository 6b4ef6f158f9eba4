"""Implicit alternating least squares: what people with like taste like."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from models_py.histories import draw_users
from models_py.tables import factor_vectors, folded_in_vectors


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
    warm_iterations: int = 5
    """Sweeps where vectors start from what was learned before."""
    max_users: int | None = None
    """Users to learn from, at most, drawn of those with two likes; None: all."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When factors, iterations or max_users are below 1, alpha is not above 0, or
            regularization is negative.
        """
        if self.factors < 1 or self.iterations < 1 or self.warm_iterations < 1:
            raise ValueError(
                f"ALS needs factors and iterations of at least 1, got {self.factors}, "
                f"{self.iterations} and, to start warm, {self.warm_iterations}"
            )
        if self.alpha <= 0 or self.regularization < 0:
            raise ValueError(
                f"ALS needs alpha above 0 and regularization of at least 0, got {self.alpha} "
                f"and {self.regularization}"
            )
        if self.max_users is not None and self.max_users < 1:
            raise ValueError(f"ALS needs max_users of at least 1, got {self.max_users}")


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
    >>> newcomer = csr_matrix(np.array([[1, 0, 0]], dtype=np.float32))
    >>> scores = model.fold_in(newcomer) @ model.item_factors_.T
    >>> bool(scores[0, 1] > scores[0, 2])
    True
    """

    def __init__(self, parameters: ALSParameters) -> None:
        self.parameters = parameters

    def fit(self, likes: csr_matrix, start: np.ndarray | None = None) -> "ALS":
        """Learn the vectors.

        Parameters
        ----------
        likes : csr_matrix, shape (n_users, n_items)
            Weight of each like, above 0.
        start : float array, shape (n_items, factors), optional
            Vectors of the items to start from, with zeros where there is none. Fewer sweeps lead
            from there to where many lead from noise.

        Returns
        -------
        ALS
            Itself, with ``item_factors_`` (n_items, factors), ``is_learned_`` (n_items,), False
            where nobody of whom it learned likes an item, whose vector is zeros, and
            ``penalty_``, the L2 penalty of each row. Vectors of users are what :meth:`fold_in`
            makes of their likes.
        """
        self.heed(float(likes.sum()), sum(likes.shape))
        random = np.random.default_rng(self.parameters.random_state)
        is_drawn = draw_users(np.diff(likes.indptr), self.parameters.max_users, random)
        if not is_drawn.all():
            likes = likes[is_drawn]
        self.is_learned_ = likes.getnnz(axis=0) > 0
        noise = _noise(sum(likes.shape), self.parameters)
        # A sweep over users reads the items of each, and the other way round. In this order those
        # that are read most often stand together, where a processor's cache holds them.
        users = np.argsort(np.diff(likes.indptr), kind="stable")
        items = np.argsort(np.bincount(likes.indices, minlength=likes.shape[1]), kind="stable")
        model = self._library_model()
        model.user_factors = noise[: likes.shape[0]][users]
        model.item_factors = noise[likes.shape[0] :][items]
        if start is not None:
            model.iterations = self.parameters.warm_iterations
            model.item_factors = _filled(start[items], model.item_factors)
        confidences = self._confidences(likes[users][:, items])
        confidences.sort_indices()
        with one_blas_thread():
            model.fit(confidences, show_progress=False)
        self.item_factors_ = np.empty_like(model.item_factors)
        self.item_factors_[items] = model.item_factors
        return self

    def bytes_of_fit(self, n_users: int, n_items: int) -> int:
        """What a fit on so many users and items with likes takes."""
        n_users = min(n_users, self.parameters.max_users or n_users)
        return (n_users + n_items) * self.parameters.factors * 8

    def heed(self, weight: float, n_rows: int) -> "ALS":
        """Set the penalty for likes of so much weight of so many users and items."""
        # Each like is in the row of a user and in that of an item.
        mean_confidence = 2 * self.parameters.alpha * weight / n_rows
        self.penalty_ = self.parameters.regularization * mean_confidence
        return self

    def fold_in(self, likes: csr_matrix) -> np.ndarray:
        """Compute the vectors of users, known or new, from their likes and the items' vectors.

        Parameters
        ----------
        likes : csr_matrix, shape (n, n_items)
            Weight of each like, above 0; columns as in the fit.

        Returns
        -------
        float32 array, shape (n, factors)
            The least squares solution of each row (Hu et al. 2008, equation 4).
        """
        with one_blas_thread():
            model = self._library_model()
            model.item_factors = self.item_factors_
            return model.recalculate_user(np.arange(likes.shape[0]), self._confidences(likes))

    def scores(self, likes: csr_matrix) -> np.ndarray:
        """Score every item for users with these likes, shape (n, n_items)."""
        return self.fold_in(likes) @ self.item_factors_.T

    def _library_model(self) -> AlternatingLeastSquares:
        return AlternatingLeastSquares(
            factors=self.parameters.factors,
            regularization=self.penalty_,
            iterations=self.parameters.iterations,
            alpha=1.0,
            random_state=self.parameters.random_state,
        )

    def _confidences(self, likes: csr_matrix) -> csr_matrix:
        confidences = likes.astype(np.float32)
        confidences.data = 1.0 + self.parameters.alpha * confidences.data
        return confidences


def one_blas_thread() -> threadpool_limits:
    """Around what implicit does: it calls BLAS inside threads of its own, and may hang on more."""
    return threadpool_limits(limits=1, user_api="blas")


def _noise(n: int, parameters: ALSParameters) -> np.ndarray:
    """What implicit starts from."""
    random = np.random.default_rng(parameters.random_state)
    return random.random((n, parameters.factors), dtype=np.float32) * 0.01


def _filled(vectors: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Put noise in the place of vectors that are all zeros."""
    return np.where(vectors.any(axis=1, keepdims=True), vectors, noise)


def als_vectors(
    user_items: Iterable[pa.Table],
    users: pa.Table,
    parameters: ALSParameters,
    earlier: pa.Table | None = None,
) -> pa.Table:
    """Fit ALS on each fold by itself.

    Parameters
    ----------
    user_items, users
        As for :func:`models_py.tables.factor_vectors`, and so is what is returned.
    parameters : ALSParameters
        How to fit.
    earlier : pa.Table, optional
        What this function returned before, with the same keys, to start from.
    """
    return factor_vectors(user_items, users, lambda: ALS(parameters), parameters.factors, earlier)


def als_folded_in(
    earlier: pa.Table,
    user_items: pa.Table,
    users: pa.Table,
    weight: float,
    n_rows: int,
    parameters: ALSParameters,
) -> pa.Table:
    """Make vectors of some users anew, from their likes and what was learned of items.

    Parameters
    ----------
    earlier : pa.Table
        What :func:`als_vectors` returned; all of it stays, but for these users.
    user_items : pa.Table
        What they have met by now, as for :func:`als_vectors`.
    users : pa.Table
        Who they are: fold, user_key.
    weight : float
        Weight of all likes of everybody.
    n_rows : int
        Users and items with a like.
    parameters : ALSParameters
        As in the fit.

    Returns
    -------
    pa.Table
        As of :func:`als_vectors`.
    """
    model = ALS(parameters).heed(weight, n_rows)
    return folded_in_vectors(earlier, user_items, users, model, parameters.factors)
