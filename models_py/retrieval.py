"""Retrieval through FAISS: the items whose vectors have the largest inner product with a user's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import faiss
import numpy as np
import pyarrow as pa
from implicit.cpu.topk import topk
from scipy.sparse import csr_matrix

from models_py import memory
from models_py.als import one_blas_thread
from models_py.columns import ANN_RECALL, CANDIDATES, ITEM, USER, Columns
from models_py.tables import (
    CELLS_PER_BLOCK,
    candidate_rows,
    folds_of,
    largest_fold,
    rows_of,
    true_at,
    vectors_of,
)

# What a search takes: the vectors of its fold, with those of a source and its index; what is met,
# as rows and as a matrix; and what is looked at of a block of users.
COPIES_OF_VECTORS = 3
BYTES_PER_MET = 100
BYTES_PER_CELL = 100

# How many users tell how many of the longest vectors this share of all need.
USERS_TO_JUDGE_BY = 100
SHARE_OF_USERS = 0.95
# How far a sum of products may be from what it would be without rounding, as a share of it.
ROUNDING = 1e-5

EXACT = "exact"
INDEX_TYPES = ("hnsw", "ivf")


@dataclass(frozen=True)
class RetrievalParameters:
    """Parameters of :class:`VectorIndex`."""

    exact_up_to: int = 200_000
    """Items up to which a search is exact; above it, it looks where the index leads."""
    index_type: str = "hnsw"
    """The index above that size: hnsw or ivf."""
    hnsw_m: int = 32
    """HNSW: neighbours of an item in the graph."""
    hnsw_ef_construction: int = 200
    """HNSW: how many items are looked at to find those neighbours."""
    hnsw_ef_search: int = 1000
    """HNSW: how many items a search looks at; never fewer than it is asked for."""
    ivf_probes: int = 64
    """IVF: how many of the 4 × √n cells a search looks into."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises
        ------
        ValueError
            When the index type is unknown, exact_up_to is negative or a number is below 1.
        """
        if self.index_type not in INDEX_TYPES:
            raise ValueError(f"index_type must be one of {INDEX_TYPES}, got {self.index_type!r}")
        if self.exact_up_to < 0:
            raise ValueError(f"exact_up_to must be at least 0, got {self.exact_up_to}")
        for name in ("hnsw_m", "hnsw_ef_construction", "hnsw_ef_search", "ivf_probes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@contextmanager
def one_faiss_thread() -> Iterator[None]:
    """Let FAISS use one thread: more would add items to a graph in whatever order they come."""
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(n_threads)


class VectorIndex:
    """Maximum inner product search: all items up to a size, an approximate index above.

    The index is a graph (HNSW; Malkov, Yashunin 2018), whose edges lead to large inner products
    (Morozov, Babenko 2018), or cells around directions (IVF; Jégou, Douze, Schmid 2011). Turning
    inner products into distances by one more dimension (Bachrach et al. 2014) is exact on paper,
    but with it the graph found 21 % of what it finds without, among 30,000 vectors of 64 numbers.

    Examples
    --------
    >>> index = VectorIndex(RetrievalParameters()).fit(np.array([[1, 0], [0, 3], [2, 2]]))
    >>> places, scores = index.search(np.array([[1, 0]]), k=2)
    >>> places.tolist(), scores.tolist()
    ([[2, 0]], [[2.0, 1.0]])
    """

    def __init__(self, parameters: RetrievalParameters) -> None:
        self.parameters = parameters

    def fit(self, vectors: np.ndarray) -> "VectorIndex":
        """Index the items.

        Parameters
        ----------
        vectors : float array, shape (n_items, d)
            A vector for each item.

        Returns
        -------
        VectorIndex
            Itself, with ``index_type_``: exact, hnsw or ivf.
        """
        parameters = self.parameters
        self.vectors_ = np.ascontiguousarray(vectors, dtype=np.float32)
        n_items, dimensions = self.vectors_.shape
        if n_items <= parameters.exact_up_to:
            self.index_type_ = EXACT
            self.index_ = faiss.IndexFlatIP(dimensions)
            self.index_.add(self.vectors_)
            lengths = np.linalg.norm(self.vectors_, axis=1)
            self.by_length_ = np.argsort(-lengths, kind="stable").astype(np.int32)
            self.ranks_by_length_ = np.argsort(self.by_length_).astype(np.int32)
            self.lengths_ = lengths[self.by_length_]
            self.longest_ = self.vectors_[self.by_length_]
            return self
        self.index_type_ = parameters.index_type
        if self.index_type_ == "hnsw":
            self.index_ = faiss.IndexHNSWFlat(
                dimensions, parameters.hnsw_m, faiss.METRIC_INNER_PRODUCT
            )
            self.index_.hnsw.efConstruction = parameters.hnsw_ef_construction
        else:
            n_cells = max(1, min(n_items, int(4 * np.sqrt(n_items))))
            self.index_ = faiss.IndexIVFFlat(
                faiss.IndexFlatIP(dimensions), dimensions, n_cells, faiss.METRIC_INNER_PRODUCT
            )
            self.index_.cp.spherical = True
            # So that FAISS need not warn of cells with few items.
            self.index_.cp.min_points_per_centroid = 1
            self.index_.nprobe = min(parameters.ivf_probes, n_cells)
        with one_faiss_thread():
            self.index_.train(self.vectors_)
            self.index_.add(self.vectors_)
        return self

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the items with the largest inner product.

        Parameters
        ----------
        queries : float array, shape (n, d)
            A vector for each user.
        k : int
            Items a user, at most.

        Returns
        -------
        tuple of arrays, shape (n, min(k, n_items))
            Items by their place in the fit and their inner products, largest first, ties by
            place. Where an index leads to fewer, the rest scores -inf.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        k = min(k, len(self.vectors_))
        if self.index_type_ == "hnsw":
            self.index_.hnsw.efSearch = max(k, self.parameters.hnsw_ef_search)
        scores, places = self.index_.search(queries, k)
        scores[places < 0] = -np.inf
        return _in_order(places, scores)

    def search_unseen(
        self, queries: np.ndarray, seen: csr_matrix, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the items with the largest inner product among those that a user has not met.

        Parameters
        ----------
        queries : float array, shape (n, d)
            A vector for each user.
        seen : csr_matrix, shape (n, n_items)
            Whatever a user has met; indices sorted.
        k : int
            Items a user, at most.

        Returns
        -------
        tuple of arrays, shape (n, min(k, n_items))
            As of :meth:`search`. Where fewer are left, the rest scores -inf.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        k = min(k, len(self.vectors_))
        if self.index_type_ != EXACT:
            return _without(seen, *self.search(queries, k + int(np.diff(seen.indptr).max())), k)
        # No inner product is above the product of both lengths: short vectors need no look where k
        # longer ones do better (LEMP; Teflioudi, Gemulla 2016).
        n = max(k, self._n_to_look_at(queries, seen, k))
        places, scores = self._best_of_longest(n, queries, seen, k)
        [others] = np.nonzero(self._n_that_may_be_better(queries, scores) > n)
        if len(others):
            places[others], scores[others] = self._best_of_longest(
                len(self.vectors_), queries[others], seen[others], k
            )
        return _in_order(places, scores)

    def _n_to_look_at(self, queries: np.ndarray, seen: csr_matrix, k: int) -> int:
        """How many of the longest vectors most users need, as a few of them tell."""
        if len(queries) <= USERS_TO_JUDGE_BY:
            return len(self.vectors_)
        judges = np.linspace(0, len(queries) - 1, USERS_TO_JUDGE_BY).astype(int)
        _, scores = self._best_of_longest(len(self.vectors_), queries[judges], seen[judges], k)
        return int(np.quantile(self._n_that_may_be_better(queries[judges], scores), SHARE_OF_USERS))

    def _n_that_may_be_better(self, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """How many vectors are long enough to score as much as the last of the best does."""
        last = scores[:, -1] - ROUNDING * np.abs(scores[:, -1])
        lengths = np.linalg.norm(queries, axis=1)
        shortest = np.divide(last, lengths, out=np.full_like(last, -np.inf), where=lengths > 0)
        return np.searchsorted(-self.lengths_, -shortest, side="right")

    def _best_of_longest(
        self, n: int, queries: np.ndarray, seen: csr_matrix, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        # To leave out what was met before the best are picked is less work than to pick more.
        with one_blas_thread():
            ranks, scores = topk(
                self.longest_[:n],
                queries,
                k,
                filter_query_items=_Rows(seen, self.ranks_by_length_, n),
            )
        scores[scores == np.finfo(np.float32).min] = -np.inf
        return self.by_length_[ranks], scores


class _Row(NamedTuple):
    indices: np.ndarray


class _Rows:
    """Rows of a matrix with its columns in another order, up to the n-th of them, for what asks for
    their indices alone: scipy makes a matrix of each, which takes a third of a search.
    """

    def __init__(self, matrix: csr_matrix, places: np.ndarray, n: int) -> None:
        self.indices, self.starts, self.n = places[matrix.indices], matrix.indptr.tolist(), n

    def __getitem__(self, row: int) -> _Row:
        indices = self.indices[self.starts[row] : self.starts[row + 1]]
        return _Row(indices[indices < self.n])


def _in_order(places: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # What comes from a search is in the order of scores, but where they tie.
    mixed = np.flatnonzero((scores[:, 1:] >= scores[:, :-1]).any(axis=1))
    order = np.lexsort((places[mixed], -scores[mixed]), axis=-1)
    places[mixed] = np.take_along_axis(places[mixed], order, 1)
    scores[mixed] = np.take_along_axis(scores[mixed], order, 1)
    return places, scores


def _without(
    seen: csr_matrix, places: np.ndarray, scores: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    # A pair as one number; those that were seen are in ascending order.
    n_users, n_items = seen.shape
    rows = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(seen.indptr))
    pairs = rows * n_items + seen.indices
    found = np.arange(n_users)[:, None] * n_items + places
    at = np.searchsorted(pairs, found).clip(max=max(0, len(pairs) - 1))
    left_out = (pairs[at] == found) if len(pairs) else np.zeros(found.shape, dtype=bool)
    left_out |= np.isneginf(scores)
    scores[left_out] = -np.inf
    kept = np.argsort(left_out, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(places, kept, 1), np.take_along_axis(scores, kept, 1)


def vector_candidates(
    vectors: pa.Table,
    user_items: pa.Table,
    users: pa.Table,
    items: pa.Table,
    k: int,
    parameters: RetrievalParameters,
) -> pa.RecordBatchReader:
    """Propose the ``k`` items whose vectors fit a user's best, for each fold and source.

    Parameters
    ----------
    vectors : pa.Table
        One row per fold, source, entity (user or item) and key: fold, source, entity, key, vector.
    user_items : pa.Table
        One row per fold, user and item met, which is not proposed again: fold, user_key, item_key.
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    items : pa.Table
        One row per fold and item that may be proposed: fold, item_key.
    k : int
        Items a user, at most.
    parameters : RetrievalParameters
        How to search.

    Returns
    -------
    pa.RecordBatchReader
        As ``columns.CANDIDATES``, a block of users at a time, in no order. Users and items
        without a vector have no row.
    """

    n_vectors, n_met = largest_fold(vectors), largest_fold(user_items)
    memory.require(
        n_vectors * vectors.nbytes / max(1, len(vectors)) * COPIES_OF_VECTORS
        + n_met * BYTES_PER_MET
        + min(CELLS_PER_BLOCK // 4, largest_fold(users) * largest_fold(items)) * BYTES_PER_CELL,
        f"A search among {n_vectors:,} vectors for what is not among {n_met:,} pairs that met",
        "Build fewer folds, or lower max_candidate_users or the dimensions of vectors.",
    )

    def blocks() -> Iterator[pa.RecordBatch]:
        for fold in folds_of(vectors):
            met = rows_of(user_items, fold=fold)
            for source, index, item_keys, queries, user_keys in _searches(
                vectors, users, items, fold, parameters
            ):
                seen = _seen(met, user_keys, item_keys)
                for rows in _blocks_of_like_history(seen, k):
                    places, scores = index.search_unseen(queries[rows], seen[rows], k)
                    yield candidate_rows(fold, source, user_keys[rows], item_keys[places], scores)

    return pa.RecordBatchReader.from_batches(CANDIDATES, blocks())


def ann_recall(
    vectors: pa.Table,
    users: pa.Table,
    items: pa.Table,
    k: int,
    n_users: int,
    parameters: RetrievalParameters,
) -> pa.Table:
    """Measure how much of the true top ``k`` the index finds, for each fold and source.

    Parameters
    ----------
    vectors, users, items, parameters
        As for :func:`vector_candidates`.
    k : int
        Items a user.
    n_users : int
        Users to measure on, spread evenly over their keys.

    Returns
    -------
    pa.Table
        As ``columns.ANN_RECALL``: the share of the index's answer that is as large as the k-th
        largest inner product, which is found by comparing every item.
    """
    rows = []
    for fold in folds_of(vectors):
        for source, index, item_keys, queries, _ in _searches(
            vectors, users, items, fold, parameters
        ):
            sample = queries[:: -(-len(queries) // n_users)]
            _, found = index.search(sample, k)
            recall = share_found(found, kth_largest(sample, index.vectors_, found.shape[1]))
            rows.append((fold, source, index.index_type_, len(item_keys), len(sample), k, recall))
    columns = list(zip(*rows, strict=True)) or [[]] * len(ANN_RECALL)
    return pa.table([list(column) for column in columns], schema=ANN_RECALL)


def kth_largest(queries: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    """Find the k-th largest inner product of each query, by comparing every item.

    Parameters
    ----------
    queries : float array, shape (n, d)
        A vector for each user.
    vectors : float array, shape (n_items, d)
        A vector for each item.
    k : int
        From 1 to n_items.

    Returns
    -------
    float array, shape (n,)
        What the least of the true top ``k`` scores.
    """
    n = max(1, CELLS_PER_BLOCK // len(vectors))
    blocks = (queries[start : start + n] @ vectors.T for start in range(0, len(queries), n))
    return np.concatenate([np.partition(scores, -k, axis=1)[:, -k] for scores in blocks])


def share_found(scores: np.ndarray, kth: np.ndarray) -> float:
    """Tell how much of the true top ``k`` was found: recall@k.

    Parameters
    ----------
    scores : float array, shape (n, k)
        The inner products of the items that were found, -inf where there are fewer.
    kth : float array, shape (n,)
        As of :func:`kth_largest`.

    Returns
    -------
    float
        The share of the answers that are as large as the k-th largest, from 0 to 1.

    Examples
    --------
    >>> share_found(np.array([[3.0, 1.0], [2.0, 2.0]]), np.array([2.0, 2.0]))
    0.75
    """
    kth = kth[:, None]
    # What ties with the last one is as good, and sums differ in their last digits.
    return float((scores >= kth - ROUNDING * np.abs(kth)).mean())


def _searches(vectors, users, items, fold, parameters):
    """Each source of a fold: its index, the keys of its items, and its users with their keys."""
    of_fold = rows_of(vectors, fold=fold)
    proposed_to = rows_of(users, fold=fold)[Columns.USER_KEY].to_numpy()
    may_be_proposed = rows_of(items, fold=fold)[Columns.ITEM_KEY].to_numpy()
    for source in sorted(of_fold[Columns.SOURCE].unique().to_pylist()):
        of_source = rows_of(of_fold, source=source)
        item_keys, item_vectors = vectors_of(rows_of(of_source, entity=ITEM), may_be_proposed)
        user_keys, queries = vectors_of(rows_of(of_source, entity=USER), proposed_to)
        if len(item_keys) and len(user_keys):
            index = VectorIndex(parameters).fit(item_vectors)
            yield source, index, item_keys, queries, user_keys


def _seen(met: pa.Table, user_keys: np.ndarray, item_keys: np.ndarray) -> csr_matrix:
    rows = _places_among(user_keys, met[Columns.USER_KEY].to_numpy())
    columns = _places_among(item_keys, met[Columns.ITEM_KEY].to_numpy())
    known = (rows >= 0) & (columns >= 0)
    return true_at(rows[known], columns[known], (len(user_keys), len(item_keys)))


def _places_among(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each key stands, -1 where it does not. Keys are small and dense."""
    places = np.full(max(keys.max(initial=0), wanted.max(initial=0)) + 1, -1, dtype=np.int32)
    places[keys] = np.arange(len(keys), dtype=np.int32)
    return places[wanted]


def _blocks_of_like_history(seen: csr_matrix, k: int) -> Iterator[np.ndarray]:
    """Users who have met about as many items: for a block is asked as much as its largest needs."""
    n_seen = np.diff(seen.indptr)
    order = np.argsort(-n_seen, kind="stable")
    start = 0
    while start < len(order):
        n = max(1, CELLS_PER_BLOCK // 4 // (k + n_seen[order[start]]))
        yield order[start : start + n]
        start += n
