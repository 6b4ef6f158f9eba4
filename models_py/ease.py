"""EASE: a linear model of all items on all others, in closed form."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from models_py import memory
from models_py.columns import CANDIDATES, Columns
from models_py.tables import (
    CELLS_PER_BLOCK,
    FoldLikes,
    candidate_rows,
    fold_likes,
    rows_of,
    top_k,
)

# The counts, sparse at first, where few are 0, and in double precision.
BYTES_PER_CELL = 12 + 8


@dataclass(frozen=True)
class EASEParameters:
    """Parameters of :class:`EASE`."""

    regularization: float = 400.0
    """L2 penalty on the weights, in likes."""
    max_items: int = 10_000
    """Only so many items, those with most likes, take part."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        ValueError
            When regularization is not above 0, or max_items is below 1.
        """
        if self.regularization <= 0:
            raise ValueError(f"EASE needs regularization above 0, got {self.regularization}")
        if self.max_items < 1:
            raise ValueError(f"EASE needs max_items of at least 1, got {self.max_items}")


class EASE:
    """Weights by which a user's likes add up to the score of every other item.

    Steck: Embarrassingly Shallow Autoencoders for Sparse Data (WWW 2019): with G the co-occurrence
    counts (XᵀX) and P = (G + λI)⁻¹, the weights are −P with each column divided by its diagonal,
    and a diagonal of 0.

    Examples
    --------
    >>> likes = csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1.0]]))
    >>> model = EASE(EASEParameters(regularization=1.0)).fit(likes)
    >>> scores = model.scores(csr_matrix(np.array([[1.0, 0, 0]])))
    >>> [round(float(score), 3) for score in scores[0]]
    [0.0, 0.667, 0.0]
    """

    def __init__(self, parameters: EASEParameters) -> None:
        self.parameters = parameters

    def fit(self, likes: csr_matrix) -> "EASE":
        """Solve for the weights.

        Parameters
        ----------
        likes : csr_matrix, shape (n_users, n_items)
            What is liked; every like counts as 1.

        Returns
        -------
        EASE
            Itself, with ``weights_`` (n_items, n_items).

        Raises
        ------
        MemoryError
            When the fit would need more memory than there is.
        """
        n_items = likes.shape[1]
        memory.require(
            n_items**2 * BYTES_PER_CELL,
            f"EASE over {n_items:,} items",
            "Lower ease_max_items, or take ease out of sources.",
        )
        binary = likes.astype(bool).astype(np.float64)
        weights = (binary.T @ binary).toarray(order="F")
        weights[np.diag_indices(n_items)] += self.parameters.regularization
        # In place, and for half the cells: the matrix is symmetric and positive definite.
        weights, _ = lapack.dpotrf(weights, lower=True, overwrite_a=True)
        weights, _ = lapack.dpotri(weights, lower=True, overwrite_c=True)
        weights = np.tril(weights.astype(np.float32))
        weights += np.tril(weights, -1).T
        self.weights_ = weights / -weights.diagonal()
        self.weights_[np.diag_indices(n_items)] = 0.0
        return self

    def scores(self, likes: csr_matrix) -> np.ndarray:
        """Score every item for users with these likes, known or new, shape (n, n_items)."""
        return likes.astype(bool).astype(np.float32) @ self.weights_


def ease_candidates(
    user_items: Iterable[pa.Table],
    users: pa.Table,
    items: pa.Table,
    k: int,
    parameters: EASEParameters,
) -> pa.RecordBatchReader:
    """Fit EASE on each fold by itself and propose ``k`` items to each of its users.

    Parameters
    ----------
    user_items : iterable of pa.Table
        As for :func:`models_py.tables.fold_likes`.
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    items : pa.Table
        One row per fold and item that may be proposed: fold, item_key.
    k : int
        Items a user, at most.
    parameters : EASEParameters
        How to fit.

    Returns
    -------
    pa.RecordBatchReader
        As ``columns.CANDIDATES``, a block of users at a time. Users without a like of an item
        that takes part have no row.
    """

    def proposals(fold: FoldLikes) -> Iterator[pa.RecordBatch]:
        n_likes = np.bincount(fold.likes.indices, minlength=len(fold.item_keys))
        most_liked = np.argsort(-n_likes, kind="stable")[: parameters.max_items]
        columns = np.sort(most_liked[n_likes[most_liked] > 0])
        likes, seen = fold.likes[:, columns], fold.seen[:, columns]
        item_keys = fold.item_keys[columns]
        model = EASE(parameters).fit(likes)

        wanted = np.isin(fold.user_keys, rows_of(users, fold=fold.fold)[Columns.USER_KEY])
        wanted = np.flatnonzero(wanted & (np.diff(likes.indptr) > 0))
        barred = ~np.isin(item_keys, rows_of(items, fold=fold.fold)[Columns.ITEM_KEY])
        n = max(1, CELLS_PER_BLOCK // len(columns))
        for start in range(0, len(wanted), n):
            rows = wanted[start : start + n]
            scores = model.scores(likes[rows])
            scores[:, barred] = -np.inf
            scores[seen[rows].nonzero()] = -np.inf
            best = top_k(scores, k)
            yield candidate_rows(
                fold.fold,
                "ease",
                fold.user_keys[rows],
                item_keys[best],
                np.take_along_axis(scores, best, axis=1),
            )

    # No name holds a fold while the next one is read.
    blocks = chain.from_iterable(map(proposals, fold_likes(user_items)))
    return pa.RecordBatchReader.from_batches(CANDIDATES, blocks)
