"""The item vectors of a published run as FAISS indexes, which a service maps instead of reading.

``make publish`` writes them: for each source of vectors ``index/<source>.faiss`` and, beside it,
the item keys of its places, ``index/<source>.keys.npy``. :class:`PublishedIndex` opens and searches
them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import faiss
import numpy as np
from tqdm import tqdm

from exports.files import sha256_of, to_disk
from models_py.columns import ITEM, USER
from models_py.retrieval import (
    RetrievalParameters,
    VectorIndex,
    kth_largest,
    one_faiss_thread,
    share_found,
)
from models_py.tables import vectors_of

FOLDER = "index"
FLAT, IVF, HNSW = "flat", "ivf", "hnsw"
AUTO = "auto"
TYPES = (FLAT, HNSW, IVF)
# What `auto` takes above the size up to which it compares every item: of a million vectors whose
# lengths differ like those of ALS, cells find 95 % in less time than comparing all takes, and the
# graph does not find them at all (`python tests/benchmarks/vector_index.py`).
LARGE = IVF
CLASSES = {FLAT: faiss.IndexFlatIP, IVF: faiss.IndexIVFFlat, HNSW: faiss.IndexHNSWFlat}
# Beyond these a search takes as long as comparing every item, which finds all.
MOST_CELLS = 0.5
MOST_LOOKED_AT = 4096
# What the manifest must say of an index for it to be opened.
OPENED_BY = (
    *("file", "n_bytes", "sha256", "keys", "keys_n_bytes", "keys_sha256"),
    *("type", "dimensions", "n_items", "n_items_at_rebuild"),
)

VECTORS = "select key, vector from candidates.vectors where fold = 'live' and source = $1"


class IndexUnavailableError(Exception):
    """A published index that cannot be searched: which file, what is wrong with it, what to do."""


@dataclass(frozen=True)
class IndexParameters:
    """Parameters of :func:`write_indexes`."""

    index_type: str = AUTO
    """flat, hnsw, ivf; or auto: flat up to a size, ivf above it."""
    exact_up_to: int = RetrievalParameters.exact_up_to
    """With auto: items up to which every vector is compared."""
    recall_target: float = 0.95
    """How much of the true top an approximate index must find, from 0 to 1."""
    recall_k: int = 500
    """Length of that top, in items."""
    n_queries: int = 500
    """Vectors of users to measure it on."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises
        ------
        ValueError
            When the type is unknown, the target is no share, or a number is too small.
        """
        if self.index_type not in (AUTO, *TYPES):
            raise ValueError(f"index_type must be one of {(AUTO, *TYPES)}, got {self.index_type!r}")
        if not 0 < self.recall_target <= 1:
            raise ValueError(f"recall_target must be above 0, up to 1, got {self.recall_target}")
        if self.exact_up_to < 0:
            raise ValueError(f"exact_up_to must be at least 0, got {self.exact_up_to}")
        for name in ("recall_k", "n_queries"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def type_for(self, n_items: int) -> str:
        """Give the type of the index of so many items."""
        if self.index_type != AUTO:
            return self.index_type
        return FLAT if n_items <= self.exact_up_to else LARGE


@dataclass(frozen=True)
class Sample:
    """Queries with known answers, to measure recall on."""

    queries: np.ndarray
    """Shape (n, d)."""
    kth: np.ndarray
    """Shape (n,): the inner product of the last of the true top ``k``."""
    k: int

    def recall(self, index: faiss.Index) -> float:
        """Measure how much of the true top the index finds."""
        scores, _ = index.search(self.queries, self.k)
        return share_found(scores, self.kth)


@dataclass(frozen=True)
class Built:
    """An index, and how it came to be."""

    index: faiss.Index
    type: str
    keys: np.ndarray
    """The item key of each place."""
    recall: float
    n_queries: int
    """Queries that the recall was measured on; 0 where every item is compared."""
    n_at_rebuild: int
    """Items when it was last built from nothing: cells fit those."""
    how: str
    """rebuilt or extended."""
    why: str


def write_indexes(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    previous: Path | None = None,
    parameters: IndexParameters = IndexParameters(),  # noqa: B008 (it is frozen)
) -> dict[str, dict]:
    """Index the item vectors of the fold live, of each source that has any.

    Up to a size every item is compared (flat); above it only some are, those in the cells whose
    directions fit (IVF; Jégou, Douze, Schmid 2011) or those that a graph leads to (HNSW; Malkov,
    Yashunin 2018; with inner products, Morozov, Babenko 2018): as few as find ``recall_target`` of
    the true top, as measured on users of the run, or on items where no user has a vector. Where
    that takes as long as comparing all, all are compared. The same vectors make the same files.

    If the previous run has the same vectors, and only items came since, its index is extended by
    them, and what a search looks at is measured again; if it cannot find enough any more, or
    anything else changed, the index is built from nothing.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The warehouse, with ``candidates.vectors`` and ``folds``.
    folder : Path
        The folder of the run; files go to ``index/`` in it.
    previous : Path, optional
        The folder of the run before.
    parameters : IndexParameters
        Which index, and how good.

    Returns
    -------
    dict
        Source → what the manifest says of its index: file, n_bytes and sha256; keys, keys_n_bytes
        and keys_sha256; type, dimensions, n_items; recall (measured) and recall_target, from 0 to
        1, at recall_k items on n_queries, which are 0 where every item is compared; parameters of
        the type; built (rebuilt or extended), why, and n_items_at_rebuild.

    Raises
    ------
    OSError
        When the disk is full or not to be written to.
    """
    sources = connection.execute(
        "select distinct source from candidates.vectors where fold = 'live' order by source"
    ).fetchall()
    may_be_proposed, proposed_to = (
        connection.execute(
            f"select {entity}_key from folds.fold_{entity}s where fold = 'live'"
        ).fetchnumpy()[f"{entity}_key"]
        for entity in (ITEM, USER)
    )
    entries = {}
    for (source,) in tqdm(sources, desc="index", disable=None, leave=False):
        (keys, vectors), (_, queries) = (
            vectors_of(
                connection.execute(f"{VECTORS} and entity = $2", [source, entity]).to_arrow_table(),
                wanted,
            )
            for entity, wanted in ((ITEM, may_be_proposed), (USER, proposed_to))
        )
        if len(keys):
            built = build_index(keys, vectors, queries, parameters, previous, source)
            entries[source] = _write(built, folder, source, parameters)
    return entries


def build_index(
    keys: np.ndarray,
    vectors: np.ndarray,
    queries: np.ndarray,
    parameters: IndexParameters,
    previous: Path | None = None,
    source: str = "",
) -> Built:
    """Extend the index of the previous run, or build one.

    Parameters
    ----------
    keys : int array, shape (n_items,)
        Item keys, ascending.
    vectors : float32 array, shape (n_items, d)
        A vector for each.
    queries : float32 array, shape (n, d)
        Vectors of users; with none, items are asked for instead.
    parameters : IndexParameters
        Which index, and how good.
    previous, source : Path and str, optional
        The folder of the run before, and which of its indexes.

    Returns
    -------
    Built
        With places by ascending key if it was rebuilt; new items stand last if it was extended.
    """
    kind = parameters.type_for(len(keys))
    sample = sample_of(vectors, queries, parameters) if kind != FLAT else None
    if previous is None:
        why = "no run before"
    else:
        try:
            return _extended(kind, keys, vectors, sample, parameters, previous, source)
        except _CannotExtend as reason:
            why = str(reason)
    if kind == FLAT:
        return Built(fit_index(FLAT, vectors), FLAT, keys, 1.0, 0, len(keys), "rebuilt", why)
    index = fit_index(kind, vectors)
    recall = reach_recall(index, kind, sample, parameters.recall_target)
    if recall >= parameters.recall_target:
        return Built(index, kind, keys, recall, len(sample.queries), len(keys), "rebuilt", why)
    why += f"; {kind} found {recall:.3f} at most, so all are compared"
    return Built(fit_index(FLAT, vectors), FLAT, keys, 1.0, 0, len(keys), "rebuilt", why)


class _CannotExtend(Exception):
    """Why the index of the run before is of no use."""


def _extended(
    kind: str,
    keys: np.ndarray,
    vectors: np.ndarray,
    sample: Sample | None,
    parameters: IndexParameters,
    previous: Path,
    source: str,
) -> Built:
    try:
        old = PublishedIndex.open(previous, source, verify=True)
    except IndexUnavailableError as error:
        raise _CannotExtend(str(error)) from error
    if old.type != kind:
        raise _CannotExtend(f"it was {old.type}")
    if old.dimensions != vectors.shape[1]:
        raise _CannotExtend(f"vectors had {old.dimensions} dimensions")
    places = np.searchsorted(keys, old.keys).clip(max=len(keys) - 1)
    if not np.array_equal(keys[places], old.keys):
        raise _CannotExtend("items went")
    _, old_vectors = old.vectors_of(old.keys)
    # To the bit: 0.0 is not -0.0.
    if not np.array_equal(old_vectors.view(np.uint32), vectors[places].view(np.uint32)):
        raise _CannotExtend("vectors changed")
    is_new = np.ones(len(keys), dtype=bool)
    is_new[places] = False
    n_at_rebuild = old.entry["n_items_at_rebuild"]
    if kind == IVF and len(keys) > 2 * n_at_rebuild:
        raise _CannotExtend(f"its cells are those of {n_at_rebuild} items")
    # Read and not mapped: FAISS ends the process that adds to a mapped one.
    index = faiss.read_index(str(old.file))
    with one_faiss_thread():
        index.add(vectors[is_new])
    recall, n_queries = 1.0, 0
    if sample:
        # What was just enough for fewer items need not be now, nor for other users.
        recall = reach_recall(index, kind, sample, parameters.recall_target)
        n_queries = len(sample.queries)
        if recall < parameters.recall_target:
            raise _CannotExtend(f"with the new items it found {recall:.3f} at most")
    all_keys = np.concatenate([old.keys, keys[is_new]])
    why = f"{is_new.sum()} new items"
    return Built(index, kind, all_keys, recall, n_queries, n_at_rebuild, "extended", why)


def fit_index(kind: str, vectors: np.ndarray) -> faiss.Index:
    """Index vectors, of shape (n_items, d), by their place: flat, ivf or hnsw."""
    if kind == FLAT:
        parameters = RetrievalParameters(exact_up_to=len(vectors))
    else:
        parameters = RetrievalParameters(exact_up_to=0, index_type=kind)
    index = VectorIndex(parameters).fit(vectors).index_
    if kind == IVF:
        # Otherwise nobody knows in which cell an item's vector is.
        index.set_direct_map_type(faiss.DirectMap.Array)
    return index


def sample_of(vectors: np.ndarray, queries: np.ndarray, parameters: IndexParameters) -> Sample:
    """Draw queries evenly, from the items if there are none, and find what they should find."""
    if not len(queries):
        queries = vectors
    queries = np.ascontiguousarray(queries[:: -(-len(queries) // parameters.n_queries)])
    k = min(parameters.recall_k, len(vectors))
    return Sample(queries, kth_largest(queries, vectors, k), k)


def reach_recall(index: faiss.Index, kind: str, sample: Sample, target: float) -> float:
    """Set how much a search looks at to the least that reaches a recall, or to the most there is.

    Parameters
    ----------
    index : faiss.Index
        IVF, whose ``nprobe`` is set, or HNSW, whose ``efSearch`` is.
    kind : str
        Which of them.
    sample : Sample
        To measure on.
    target : float
        The recall to be reached, from 0 to 1.

    Returns
    -------
    float
        The recall at what was set: below the target if there is nothing that reaches it.
    """
    if kind == IVF:
        low, most = 1, max(1, int(MOST_CELLS * index.nlist))
    else:
        # A search for k items looks at k at least.
        low = min(sample.k, MOST_LOOKED_AT)
        most = MOST_LOOKED_AT

    def recall_at(setting: int) -> float:
        _set(index, kind, setting)
        return sample.recall(index)

    # Doubled until it is enough; then the least that is, between the last two.
    high, recall = low, recall_at(low)
    while recall < target and high < most:
        low, high = high + 1, min(2 * high, most)
        recall = recall_at(high)
    if recall < target:
        return recall
    while low < high:
        middle = (low + high) // 2
        found = recall_at(middle)
        if found >= target:
            high, recall = middle, found
        else:
            low = middle + 1
    _set(index, kind, high)
    return recall


def _set(index: faiss.Index, kind: str, setting: int) -> None:
    if kind == IVF:
        index.nprobe = setting
    else:
        index.hnsw.efSearch = setting


def _settings(index: faiss.Index, kind: str) -> dict[str, int]:
    if kind == IVF:
        return {"cells": index.nlist, "probes": index.nprobe}
    if kind == HNSW:
        hnsw = index.hnsw
        return {
            "m": hnsw.nb_neighbors(1),
            "ef_construction": hnsw.efConstruction,
            "ef_search": hnsw.efSearch,
        }
    return {}


def _write(built: Built, folder: Path, source: str, parameters: IndexParameters) -> dict:
    (folder / FOLDER).mkdir(exist_ok=True)
    file, keys = (folder / FOLDER / f"{source}.{ending}" for ending in ("faiss", "keys.npy"))
    try:
        faiss.write_index(built.index, str(file))
    except RuntimeError as error:
        raise OSError(f"{file} was not written: {error}") from error
    np.save(keys, built.keys.astype(np.int32), allow_pickle=False)
    return {
        "file": f"{FOLDER}/{file.name}",
        "n_bytes": file.stat().st_size,
        "sha256": to_disk(file),
        "keys": f"{FOLDER}/{keys.name}",
        "keys_n_bytes": keys.stat().st_size,
        "keys_sha256": to_disk(keys),
        "type": built.type,
        "dimensions": built.index.d,
        "n_items": len(built.keys),
        "recall": built.recall,
        "recall_target": parameters.recall_target,
        "recall_k": min(parameters.recall_k, len(built.keys)),
        "n_queries": built.n_queries,
        "parameters": _settings(built.index, built.type),
        "built": built.how,
        "why": built.why,
        "n_items_at_rebuild": built.n_at_rebuild,
    }


class PublishedIndex:
    """The item vectors of one source of a published run, mapped into memory and searched.

    Nothing is read until a search needs it, and processes that open the same file share what was
    read. Threads may search at the same time. FAISS searches for several queries with as many
    threads as OpenMP gives the calling thread (``OMP_NUM_THREADS``), for one with one.

    What is opened stays whole when a later run is published, and when its own is deleted.

    Examples
    --------
    >>> index = PublishedIndex.open(Path("exports/published/current"), "als")  # doctest: +SKIP
    >>> keys, scores = index.search(np.ones((1, index.dimensions)), k=10)  # doctest: +SKIP
    """

    def __init__(
        self, folder: Path, source: str, entry: dict, keys: np.ndarray, index: faiss.Index
    ) -> None:
        self.folder = folder
        """The folder of the run, not the link to it."""
        self.source = source
        self.entry = entry
        """What the manifest says of this index."""
        self.keys = keys
        """int32, shape (n_items,): the item key of each place."""
        self._index = index
        # Those of an extended index are not in order.
        is_ascending = bool((np.diff(keys) > 0).all())
        self._by_key = None if is_ascending else np.argsort(keys)

    @classmethod
    def open(cls, folder: Path, source: str, verify: bool = False) -> "PublishedIndex":
        """Map an index.

        Parameters
        ----------
        folder : Path
            A published run; ``exports/published/current`` is the newest.
        source : str
            Whose vectors.
        verify : bool
            Read both files to the end first, to compare their checksums. Without it only their
            sizes and what FAISS says of them are compared with the manifest, and a file whose
            bytes changed may give wrong answers or end the process.

        Raises
        ------
        IndexUnavailableError
            When the run has no such index, or a file is missing, cut off or not what was written.
        """
        # A later run may become the current one in between.
        folder = Path(folder).resolve()
        entry = _entry(folder, source)
        try:
            for name in ("file", "keys"):
                _check(folder, entry, name, verify)
            keys = np.load(folder / entry["keys"], mmap_mode="r", allow_pickle=False)
            # Views into the file, for every type; IO_FLAG_MMAP does that for IVF alone.
            index = faiss.read_index(str(folder / entry["file"]), faiss.IO_FLAG_MMAP_IFC)
        except (OSError, ValueError, RuntimeError) as error:
            raise _unavailable(folder, f"index of {source} cannot be opened: {error}") from error
        its = (type(index), index.metric_type, index.ntotal, index.d, keys.dtype, keys.shape)
        n_items = entry["n_items"]
        expected = (CLASSES.get(entry["type"]), faiss.METRIC_INNER_PRODUCT, n_items)
        if its != (*expected, entry["dimensions"], np.int32, (n_items,)):
            raise _unavailable(
                folder, f"{entry['file']} and {entry['keys']} are not those of the manifest"
            )
        return cls(folder, source, entry, np.asarray(keys), index)

    @property
    def file(self) -> Path:
        """The file of FAISS."""
        return self.folder / self.entry["file"]

    @property
    def type(self) -> str:
        """flat, ivf or hnsw."""
        return self.entry["type"]

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self.entry["dimensions"]

    def __len__(self) -> int:
        """Items."""
        return len(self.keys)

    def verify(self) -> None:
        """Read both files to the end and compare them with what was published.

        Raises
        ------
        IndexUnavailableError
            When they are not what was published; names the file.
        """
        for name in ("file", "keys"):
            _check(self.folder, self.entry, name, verify=True)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the items with the largest inner product.

        Parameters
        ----------
        queries : float array, shape (n, d)
            A vector for each user, not normalised.
        k : int
            Items a user, at most. The recall was measured at the manifest's ``recall_k``.

        Returns
        -------
        keys : int32 array, shape (n, min(k, n_items))
            Item keys, largest inner product first, ties by key. Where an approximate index leads
            to fewer items, the rest is -1.
        scores : float32 array, of that shape
            Their inner products; -inf for the rest.

        Raises
        ------
        ValueError
            When the queries have another length or numbers that are not finite, or k is below 1.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dimensions:
            raise ValueError(
                f"queries must have the shape (n, {self.dimensions}), got {queries.shape}"
            )
        if not np.isfinite(queries).all():
            raise ValueError("queries must be finite, got NaN or infinity")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        scores, places = self._index.search(queries, min(k, len(self)))
        is_filler = places < 0
        keys = np.where(is_filler, np.int32(-1), self.keys[places])
        scores[is_filler] = -np.inf
        order = np.lexsort((keys, -scores), axis=-1)
        return np.take_along_axis(keys, order, 1), np.take_along_axis(scores, order, 1)

    def vectors_of(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the vectors of items.

        Parameters
        ----------
        keys : int array, shape (n,)
            Item keys, in any order; not all need have a vector.

        Returns
        -------
        is_there : bool array, shape (n,)
            Which of them have one.
        vectors : float32 array, shape (is_there.sum(), d)
            Those, in that order, as they were published to the bit.
        """
        keys = np.asarray(keys)
        places = np.searchsorted(self.keys, keys, sorter=self._by_key).clip(max=len(self) - 1)
        if self._by_key is not None:
            places = self._by_key[places]
        is_there = self.keys[places] == keys
        return is_there, self._index.reconstruct_batch(places[is_there])


def _entry(folder: Path, source: str) -> dict:
    manifest = folder / "manifest.json"
    try:
        indexes = json.loads(manifest.read_text()).get("indexes", {})
    except (OSError, ValueError, AttributeError) as error:
        raise IndexUnavailableError(
            f"{manifest} cannot be read: {error}; `make publish` writes it"
        ) from error
    if source not in indexes:
        there = ", ".join(indexes) or "none"
        raise IndexUnavailableError(
            f"{manifest} has no index of {source!r} (it has: {there}); build with that source and"
            " publish again"
        )
    entry = indexes[source]
    if missing := [name for name in OPENED_BY if name not in entry]:
        raise _unavailable(
            folder, f"{manifest} says too little of the index of {source!r}: no {missing[0]}"
        )
    return entry


def _check(folder: Path, entry: dict, name: str, verify: bool) -> None:
    prefix = "" if name == "file" else f"{name}_"
    file = folder / entry[name]
    if not file.is_file():
        raise _unavailable(folder, f"{file} is missing")
    n_bytes = file.stat().st_size
    if n_bytes != entry[f"{prefix}n_bytes"]:
        raise _unavailable(
            folder, f"{file} has {n_bytes} bytes, not the {entry[f'{prefix}n_bytes']} published"
        )
    try:
        is_changed = verify and sha256_of(file) != entry[f"{prefix}sha256"]
    except OSError as error:
        raise _unavailable(folder, f"{file} cannot be read: {error}") from error
    if is_changed:
        raise _unavailable(folder, f"{file} is not what was published: its SHA-256 differs")


def _unavailable(folder: Path, what: str) -> IndexUnavailableError:
    return IndexUnavailableError(f"{what}; delete {folder} and `make publish` again")
