"""Between tables and arrays: the likes of a fold as a matrix, vectors and lists as rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from models_py import memory
from models_py.columns import CANDIDATES, ITEM, USER, Columns, vectors_schema

# Users × items looked at at once: bounds memory, at a few times 8 bytes a cell.
CELLS_PER_BLOCK = 20_000_000
# What `fold_likes` takes for each row of a fold: places, matrices, and copies of them in a fit.
BYTES_PER_LIKE = 100


@dataclass(frozen=True)
class FoldLikes:
    """What the users of a fold have met and liked; rows are users, columns are items."""

    fold: str
    user_keys: np.ndarray
    """Keys of the rows, ascending."""
    item_keys: np.ndarray
    """Keys of the columns, ascending."""
    likes: csr_matrix
    """Weight of each like, above 0."""
    places: tuple[np.ndarray, np.ndarray]
    """Row and column of whatever a user has met, liked or not."""

    @property
    def seen(self) -> csr_matrix:
        """True where a user has met an item, liked or not."""
        return true_at(*self.places, self.likes.shape)

    @property
    def users_with_likes(self) -> np.ndarray:
        """Rows that have a like."""
        return np.flatnonzero(np.diff(self.likes.indptr) > 0)

    @property
    def liked_items(self) -> np.ndarray:
        """Columns that somebody likes: of the others nothing can be learned."""
        return np.flatnonzero(np.bincount(self.likes.indices, minlength=len(self.item_keys)) > 0)


def folds_of(table: pa.Table) -> list[str]:
    """Name the folds of a table, in order."""
    return sorted(pc.unique(table[Columns.FOLD]).to_pylist())


def rows_of(table: pa.Table, **values: str) -> pa.Table:
    """Keep the rows that have these values in the columns so named."""
    for column, value in values.items():
        has_value = pc.equal(table[column], value)
        # Copying all rows takes ten times as long as looking.
        if not pc.all(has_value, skip_nulls=False).as_py():
            table = table.filter(has_value)
    return table


def fold_likes(user_items: Iterable[pa.Table]) -> Iterator[FoldLikes]:
    """Turn the likes of each fold into matrices, whatever the order of the rows.

    Parameters
    ----------
    user_items : iterable of pa.Table
        One table per fold, as :func:`models_py.blocks.by_fold` reads them, so that one is in memory
        at a time; one row per user and item met: fold, user_key, item_key, is_positive, weight.

    Returns
    -------
    iterator of FoldLikes
        One for each fold that has a like.

    Raises
    ------
    MemoryError
        When the matrices of a fold, and what a fit makes of them, would need more memory than there
        is.
    """
    return filter(None, map(_likes_of, user_items))


def _likes_of(met: pa.Table) -> FoldLikes | None:
    memory.require(
        len(met) * BYTES_PER_LIKE,
        f"A matrix of {len(met):,} pairs of users and items",
        "Read fewer events (not_before), or take als, svd or ease, which need it, out of sources.",
    )
    liked = met[Columns.IS_POSITIVE].to_numpy(zero_copy_only=False)
    if not liked.any():
        return None
    [fold] = folds_of(met)
    user_keys, rows = _places(met[Columns.USER_KEY].to_numpy())
    item_keys, columns = _places(met[Columns.ITEM_KEY].to_numpy())
    weights = met[Columns.WEIGHT].to_numpy(zero_copy_only=False)[liked]
    shape = (len(user_keys), len(item_keys))
    likes = csr_matrix((weights, (rows[liked], columns[liked])), shape=shape)
    # A fit depends on the order of what it reads, and tables have none.
    likes.sort_indices()
    return FoldLikes(fold, user_keys, item_keys, likes, (rows, columns))


def true_at(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """Make a matrix that is true in some places, each given once, its indices sorted."""
    matrix = csr_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix


def largest_fold(table: pa.Table) -> int:
    """Count the rows of the fold that has most."""
    return max(pc.value_counts(table[Columns.FOLD]).field("counts").to_pylist(), default=0)


def _places(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys, ascending, and the place of each row's among them. Keys are small and dense."""
    is_there = np.zeros(keys.max(initial=0) + 1, dtype=bool)
    is_there[keys] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there, dtype=np.int32) - 1)[keys]


def vector_rows(fold: str, entity: str, keys: np.ndarray, vectors: np.ndarray) -> pa.Table:
    """Write vectors as rows.

    Parameters
    ----------
    fold, entity : str
        The same for all.
    keys : int array, shape (n,)
        Whose vectors they are.
    vectors : float array, shape (n, d)
        A vector a row.

    Returns
    -------
    pa.Table
        As ``columns.vectors_schema(d)``.
    """
    n, dimensions = vectors.shape
    return pa.table(
        [
            pa.repeat(fold, n),
            pa.repeat(entity, n),
            keys.astype(np.int32),
            fixed_size_lists(vectors),
        ],
        schema=vectors_schema(dimensions),
    )


def factor_vectors(
    user_items: Iterable[pa.Table],
    users: pa.Table,
    new_model: Callable,
    factors: int,
    earlier: pa.Table | None = None,
) -> pa.Table:
    """Fit a factorization on each fold by itself.

    Parameters
    ----------
    user_items : iterable of pa.Table
        As for :func:`fold_likes`.
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    new_model : callable
        Gives a model that is not fitted, with ``fit(likes)``, ``bytes_of_fit(n_users, n_items)``,
        ``fold_in(likes)`` and, once fitted, ``item_factors_`` and ``is_learned_``, which items
        it learned something of.
    factors : int
        Length of a vector.
    earlier : pa.Table, optional
        What this function returned before, with the same keys: a model that is fitted with
        ``fit(likes, start)`` starts from the vectors of the items.

    Returns
    -------
    pa.Table
        As ``columns.vectors_schema(factors)``: a vector for each item that the model learned of,
        and for each of the users who like one. Of the others nothing is known.

    Raises
    ------
    MemoryError
        When a fit would need more memory than there is.
    """

    def fitted(fold: FoldLikes) -> pa.Table:
        known, items = fold.users_with_likes, fold.liked_items
        # Of whom a tested fold proposes nothing to, there may be many.
        wanted = np.isin(fold.user_keys[known], rows_of(users, fold=fold.fold)[Columns.USER_KEY])
        model = new_model()
        memory.require(
            model.bytes_of_fit(len(known), len(items))
            + (np.count_nonzero(wanted) + len(items)) * factors * 4,
            f"A factorization of {len(known):,} users and {len(items):,} items",
            "Lower als_factors, als_max_users or svd_factors.",
        )
        likes = fold.likes[known][:, items]
        if earlier is None:
            model.fit(likes)
        else:
            model.fit(likes, _start(earlier, fold.fold, fold.item_keys[items], factors))
        learned = model.is_learned_
        if not learned.all():
            wanted &= likes @ learned > 0
        return pa.concat_tables(
            [
                vector_rows(
                    fold.fold, USER, fold.user_keys[known[wanted]], model.fold_in(likes[wanted])
                ),
                vector_rows(
                    fold.fold, ITEM, fold.item_keys[items[learned]], model.item_factors_[learned]
                ),
            ]
        )

    # No name holds a fold while the next one is read.
    empty = vectors_schema(factors).empty_table()
    return pa.concat_tables([empty, *map(fitted, fold_likes(user_items))])


def _start(earlier: pa.Table, fold: str, item_keys: np.ndarray, factors: int) -> np.ndarray:
    """Vectors that items had, zeros for those that had none."""
    known, vectors = vectors_of(rows_of(earlier, fold=fold, entity=ITEM), item_keys)
    start = np.zeros((len(item_keys), factors), dtype=np.float32)
    if len(known):
        start[np.searchsorted(item_keys, known)] = vectors
    return start


def folded_in_vectors(
    earlier: pa.Table, user_items: pa.Table, users: pa.Table, model: object, factors: int
) -> pa.Table:
    """Make vectors of some users anew, from their likes and the items' vectors.

    Parameters
    ----------
    earlier : pa.Table
        As of :func:`factor_vectors`; all of it stays, but for these users.
    user_items : pa.Table
        What they have met by now: fold, user_key, item_key, is_positive, weight.
    users : pa.Table
        Who they are: fold, user_key.
    model : object
        Has ``fold_in(likes)``, which reads ``item_factors_``.
    factors : int
        Length of a vector.

    Returns
    -------
    pa.Table
        As ``columns.vectors_schema(factors)``.
    """
    tables = [without_users(earlier, users)]
    for fold in fold_likes([user_items]):
        item_keys, model.item_factors_ = vectors_of(
            rows_of(earlier, fold=fold.fold, entity=ITEM), fold.item_keys
        )
        # implicit writes nothing there, but asks for arrays that could be written to.
        model.item_factors_ = model.item_factors_.copy()
        likes = fold.likes[:, np.isin(fold.item_keys, item_keys)]
        known = np.flatnonzero(np.diff(likes.indptr))
        if len(known):
            vectors = model.fold_in(likes[known])
            tables.append(vector_rows(fold.fold, USER, fold.user_keys[known], vectors))
    return pa.concat_tables(tables)


def with_earlier(tonight: pa.Table, earlier: pa.Table, users: pa.Table) -> pa.Table:
    """Put vectors that were made for some users in the place of those that they had.

    Parameters
    ----------
    tonight : pa.Table
        One row per fold, entity and key: what was made, of whatever; its users count.
    earlier : pa.Table
        The same, from before; the rest of it stays.
    users : pa.Table
        Whom vectors were made for: fold, user_key.
    """
    return pa.concat_tables([without_users(earlier, users), rows_of(tonight, entity=USER)])


def without_users(vectors: pa.Table, users: pa.Table) -> pa.Table:
    """Leave out the vectors of some users.

    Parameters
    ----------
    vectors : pa.Table
        One row per fold, entity and key.
    users : pa.Table
        One row per fold and user: fold, user_key.
    """
    for fold in folds_of(users):
        keys = rows_of(users, fold=fold)[Columns.USER_KEY]
        gone = pc.and_(
            pc.and_(pc.equal(vectors[Columns.FOLD], fold), pc.equal(vectors[Columns.ENTITY], USER)),
            pc.is_in(vectors[Columns.KEY], keys.cast(pa.int32()).combine_chunks()),
        )
        vectors = vectors.filter(pc.invert(gone))
    return vectors


def fixed_size_lists(vectors: np.ndarray) -> pa.FixedSizeListArray:
    """Turn an array of shape (n, d) into n lists of d numbers: DuckDB's `FLOAT[d]`."""
    values = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])


def vectors_of(rows: pa.Table, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read vectors back from rows.

    Parameters
    ----------
    rows : pa.Table
        Rows of key and vector, all of one fold, source and entity: lists of one length.
    keys : int array
        Whose vectors are wanted; not all need have one.

    Returns
    -------
    keys : int array, shape (n,)
        Ascending.
    vectors : float32 array, shape (n, d)
        A vector for each key.
    """
    rows = rows.filter(pc.is_in(rows[Columns.KEY], pa.array(keys, pa.int32())))
    rows = rows.sort_by(Columns.KEY)
    keys = rows[Columns.KEY].to_numpy()
    values = pc.list_flatten(rows[Columns.VECTOR]).to_numpy().astype(np.float32, copy=False)
    return keys, values.reshape(len(keys), len(values) // max(1, len(keys)))


def candidate_rows(
    fold: str, source: str, user_keys: np.ndarray, item_keys: np.ndarray, scores: np.ndarray
) -> pa.RecordBatch:
    """Write lists as rows.

    Parameters
    ----------
    fold, source : str
        The same for all.
    user_keys : int array, shape (n,)
        Whose lists they are.
    item_keys, scores : arrays, shape (n, k)
        Items and scores, best first. What scores -inf is left out; it must stand at the end.

    Returns
    -------
    pa.RecordBatch
        As ``columns.CANDIDATES``.
    """
    kept = np.isfinite(scores)
    n_kept = int(kept.sum())
    ranks = np.broadcast_to(np.arange(1, scores.shape[1] + 1), scores.shape)
    return pa.record_batch(
        [
            pa.repeat(fold, n_kept),
            pa.repeat(source, n_kept),
            np.repeat(user_keys, kept.sum(axis=1)).astype(np.int32),
            item_keys[kept].astype(np.int32),
            scores[kept].astype(np.float64),
            ranks[kept].astype(np.int32),
        ],
        schema=CANDIDATES,
    )


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
