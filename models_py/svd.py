"""Truncated singular value decomposition of likes (PureSVD), with the popular held back."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, diags_array
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

from models_py.tables import factor_vectors, folded_in_vectors

# Cells up to which a matrix is decomposed whole.
DENSE_UP_TO = 1_000_000


@dataclass(frozen=True)
class SVDParameters:
    """Parameters of :class:`PureSVD`."""

    factors: int = 64
    """Singular vectors kept."""
    damping: float = 0.5
    """How much popularity is held back: 0 not at all (PureSVD), 1 all columns count alike."""
    random_state: int = 42
    """Seed of the vector that the search for singular vectors starts from."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When factors are below 1 or damping is not between 0 and 1.
        """
        if self.factors < 1:
            raise ValueError(f"PureSVD needs factors of at least 1, got {self.factors}")
        if not 0 <= self.damping <= 1:
            raise ValueError(f"PureSVD needs a damping from 0 to 1, got {self.damping}")


class PureSVD:
    """A user's likes, projected on the main directions of everybody's.

    Cremonesi, Koren, Turrin: Performance of Recommender Algorithms on Top-N Recommendation Tasks
    (RecSys 2010). Columns are divided by their norm to the power of the damping first, as in
    Nikolakopoulos et al., EigenRec (2019), whose d is 1 − damping.

    Examples
    --------
    >>> likes = csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1.0]]))
    >>> model = PureSVD(SVDParameters(factors=2)).fit(likes)
    >>> scores = model.scores(csr_matrix(np.array([[1.0, 0, 0, 0]])))
    >>> bool(scores[0, 1] > scores[0, 2])
    True
    """

    def __init__(self, parameters: SVDParameters) -> None:
        self.parameters = parameters

    def fit(self, likes: csr_matrix) -> "PureSVD":
        """Find the right singular vectors.

        Parameters
        ----------
        likes : csr_matrix, shape (n_users, n_items)
            Weight of each like, above 0.

        Returns
        -------
        PureSVD
            Itself, with ``item_factors_`` (n_items, factors), in order of singular value, each
            with its largest number above 0, and ``is_learned_`` (n_items,), True where somebody
            likes an item. There are fewer factors where the matrix has fewer.
        """
        self.is_learned_ = likes.getnnz(axis=0) > 0
        likes = likes.astype(np.float64)
        norms = np.sqrt(likes.power(2).sum(axis=0).A1)
        damped = likes @ diags_array(np.maximum(norms, 1e-12) ** -self.parameters.damping)
        self.item_factors_ = right_singular_vectors(
            damped, self.parameters.factors, self.parameters.random_state
        )[1]
        return self

    def bytes_of_fit(self, n_users: int, n_items: int) -> int:
        """What a fit on so many users and items with likes takes."""
        return (n_users + n_items) * self.parameters.factors * 24

    def fold_in(self, likes: csr_matrix) -> np.ndarray:
        """Compute the vectors of users, known or new, from their likes, shape (n, factors)."""
        return likes @ self.item_factors_

    def scores(self, likes: csr_matrix) -> np.ndarray:
        """Score every item for users with these likes, shape (n, n_items)."""
        return self.fold_in(likes) @ self.item_factors_.T


def right_singular_vectors(
    matrix: csr_matrix, n: int, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the largest singular values of a matrix and their right singular vectors.

    Parameters
    ----------
    matrix : csr_matrix, shape (n_rows, n_columns)
        What to decompose.
    n : int
        Vectors wanted. Beyond the rank of the matrix they are 0.
    random_state : int
        Seed of the vector that the search starts from.

    Returns
    -------
    values : float array, shape (n,)
        Largest first.
    vectors : float array, shape (n_columns, n)
        Orthonormal columns, each with its largest number above 0.
    """
    n_rows, n_columns = matrix.shape
    if n_rows > n_columns:
        # Empty rows say nothing, but svds works through n dense numbers for each row.
        matrix = matrix[np.diff(matrix.indptr) > 0]
    values, vectors = np.zeros(n), np.zeros((n_columns, n))
    found = min(n, min(matrix.shape))
    # More threads would add in another order, and give other last digits.
    with threadpool_limits(limits=1, user_api="blas"):
        if np.prod(matrix.shape) <= DENSE_UP_TO or found == min(matrix.shape):
            # All at once: ARPACK loses its way among equal singular values of small matrices.
            _, singular, rights = np.linalg.svd(matrix.toarray(), full_matrices=False)
        else:
            random = np.random.default_rng(random_state)
            start = random.normal(size=min(matrix.shape))
            _, singular, rights = svds(matrix.astype(np.float64), k=found, v0=start, rng=random)
    order = np.argsort(-singular, kind="stable")[:found]
    singular, rights = singular[order], rights[order]
    # Beyond the rank there is no direction, only rounding.
    known = singular > singular.max(initial=0.0) * 1e-9
    largest = np.abs(rights).argmax(axis=1)
    signs = np.sign(rights[np.arange(found), largest])
    values[:found] = np.where(known, singular, 0.0)
    vectors[:, :found] = np.where(known, signs, 0.0) * rights.T
    return values, vectors


def svd_folded_in(
    earlier: pa.Table, user_items: pa.Table, users: pa.Table, parameters: SVDParameters
) -> pa.Table:
    """Make vectors of some users anew, as :func:`models_py.tables.folded_in_vectors` does."""
    return folded_in_vectors(earlier, user_items, users, PureSVD(parameters), parameters.factors)


def svd_vectors(
    user_items: Iterable[pa.Table], users: pa.Table, parameters: SVDParameters
) -> pa.Table:
    """Fit PureSVD on each fold by itself; tables as of :func:`models_py.tables.factor_vectors`."""
    return factor_vectors(user_items, users, lambda: PureSVD(parameters), parameters.factors)
