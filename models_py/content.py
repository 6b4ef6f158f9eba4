"""Vectors of what items are about, and of the users who like them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from models_py import memory
from models_py.columns import ITEM, USER, Columns
from models_py.svd import right_singular_vectors
from models_py.tables import fixed_size_lists, folds_of, vector_rows

# A vector of length 1 that keeps less than this says nothing: what is left is rounding.
SHORTEST = 1e-6


@dataclass(frozen=True)
class ContentParameters:
    """Parameters of :func:`item_content_embeddings`."""

    dimensions: int = 64
    """Length of a vector that is made from terms; an encoder has a length of its own."""
    random_state: int = 42
    """Seed of the decomposition's first vector."""
    encoder: str | None = None
    """Folder of a sentence-transformers model that reads the texts; None or empty: terms alone."""

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises
        ------
        ValueError
            When dimensions are below 1.
        """
        if self.dimensions < 1:
            raise ValueError(f"content needs dimensions of at least 1, got {self.dimensions}")


@dataclass(frozen=True)
class ProfileParameters:
    """Parameters of :func:`embedding_vectors`."""

    kind: str | None = None
    """The kind of vector to use; None or empty: all kinds, side by side."""
    history: int = 20
    """Last likes that make a user's vector."""
    history_decay: float = 0.8
    """Weight of a like, as a share of the next newer one's."""


def item_content_embeddings(
    item_terms: pa.Table, items: pa.Table, item_attributes: pa.Table, parameters: ContentParameters
) -> pa.Table:
    """Make a vector of each item from what is known of it: no event is looked at.

    Parameters
    ----------
    item_terms : pa.Table
        One row per item and term: item_key, term, weight.
    items : pa.Table
        One row per item: item_key, item_id, title.
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute, weight.
    parameters : ContentParameters
        How to make them. With an encoder the terms are not used.

    Returns
    -------
    pa.Table
        One row per item: item_key, kind (``text``), embedding, of length 1, in the order of items.
        Items of which nothing is known have no row.
    """
    if parameters.encoder:
        return encoded_texts(items, item_attributes, parameters.encoder)
    return content_embeddings(item_terms, parameters.dimensions, parameters.random_state)


def content_embeddings(item_terms: pa.Table, dimensions: int, random_state: int) -> pa.Table:
    """Draw the terms of each item together into few dimensions: latent semantic analysis.

    Deerwester et al.: Indexing by Latent Semantic Analysis (JASIS 1990). A truncated singular
    value decomposition of the matrix of items and terms; items that share no term are near when
    their terms go together elsewhere.

    Parameters
    ----------
    item_terms : pa.Table
        One row per item and term: item_key, term, weight.
    dimensions : int
        Length of a vector. Where there are fewer items or terms, the rest is zeros.
    random_state : int
        Seed of the decomposition's first vector.

    Returns
    -------
    pa.Table
        As :func:`item_content_embeddings`.

    Examples
    --------
    >>> terms = pa.table({"item_key": pa.array([1, 2, 3], pa.int32()),
    ...     "term": ["a", "a", "b"], "weight": [1.0, 1.0, 1.0]})
    >>> content_embeddings(terms, dimensions=2, random_state=42)["embedding"].to_pylist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    if item_terms.num_rows == 0:
        return _embeddings(np.empty(0, np.int32), np.empty((0, dimensions), np.float32))
    # The sums depend on the order of rows, and tables have none.
    item_terms = item_terms.sort_by([(Columns.ITEM_KEY, "ascending"), (Columns.TERM, "ascending")])
    keys, rows = np.unique(item_terms[Columns.ITEM_KEY].to_numpy(), return_inverse=True)
    terms = pc.unique(item_terms[Columns.TERM]).sort()
    columns = pc.index_in(item_terms[Columns.TERM], terms).to_numpy()
    weights = item_terms[Columns.WEIGHT].to_numpy()
    matrix = csr_matrix((weights, (rows, columns)), shape=(len(keys), len(terms)))
    memory.require(
        matrix.nnz * 24 + (len(keys) + 3 * min(matrix.shape)) * dimensions * 8,
        f"The decomposition of {len(keys):,} items and {len(terms):,} terms",
        "Lower content_dimensions.",
    )
    _, axes = right_singular_vectors(matrix, dimensions, random_state)
    return _embeddings(keys, matrix @ axes)


def encoded_texts(items: pa.Table, item_attributes: pa.Table, encoder: str) -> pa.Table:
    """Let a sentence-transformers model read what is known of each item.

    Reimers, Gurevych: Sentence-BERT (EMNLP 2019). The model is read from its folder; nothing is
    downloaded.

    Parameters
    ----------
    items : pa.Table
        One row per item: item_key, item_id, title.
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute, weight.
    encoder : str
        Folder of the model.

    Returns
    -------
    pa.Table
        As :func:`item_content_embeddings`; the model has its own length of vectors.

    Raises
    ------
    FileNotFoundError
        When there is no such folder.
    ImportError
        When the package is not installed.
    """
    folder = Path(encoder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"content_encoder: there is no folder {folder.absolute()}; put a sentence-transformers "
            "model there, or set it to null for vectors without a model"
        )
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ImportError(
            "content_encoder needs the package sentence-transformers; `pip install 'foryou[text]'` "
            "gets it, or set content_encoder to null for vectors without a model"
        ) from error
    model = SentenceTransformer(str(folder), local_files_only=True)
    texts = item_texts(items, item_attributes)
    # One more text, so that an empty catalogue has vectors of the model's length too.
    vectors = model.encode([*texts.values(), ""], show_progress_bar=True, convert_to_numpy=True)
    return _embeddings(np.array(list(texts), dtype=np.int32), vectors[:-1])


def item_texts(items: pa.Table, item_attributes: pa.Table) -> dict[int, str]:
    """Write down what is known of each item.

    Parameters
    ----------
    items : pa.Table
        One row per item: item_key, item_id, title.
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute, weight.

    Returns
    -------
    dict
        Item key → its title, and the attributes of each kind, those that weigh most first. Items
        with neither are left out.

    Examples
    --------
    >>> items = pa.table({"item_key": [1], "item_id": ["7"], "title": ["Fargo"]})
    >>> attributes = pa.table({"item_key": [1, 1], "kind": ["category", "category"],
    ...     "attribute": ["Thriller", "Crime"], "weight": [1.0, 1.0]})
    >>> item_texts(items, attributes)
    {1: 'Fargo. Crime, Thriller'}
    """
    sentences: dict[int, dict[str, list[str]]] = {}
    for row in items.sort_by(Columns.ITEM_KEY).to_pylist():
        # An item without a title has its id for one.
        title = [] if row[Columns.TITLE] == row[Columns.ITEM_ID] else [row[Columns.TITLE]]
        sentences[row[Columns.ITEM_KEY]] = {"": title}
    ordered = item_attributes.sort_by(
        [
            (Columns.ITEM_KEY, "ascending"),
            (Columns.KIND, "ascending"),
            (Columns.WEIGHT, "descending"),
            (Columns.ATTRIBUTE, "ascending"),
        ]
    )
    for row in ordered.to_pylist():
        kinds = sentences[row[Columns.ITEM_KEY]]
        kinds.setdefault(row[Columns.KIND], []).append(row[Columns.ATTRIBUTE])
    texts = {
        key: ". ".join(", ".join(words) for words in kinds.values() if words)
        for key, kinds in sentences.items()
    }
    return {key: text for key, text in texts.items() if text}


def embedding_vectors(
    item_embeddings: pa.Table,
    item_content_embeddings: pa.Table,
    user_items: pa.Table,
    users: pa.Table,
    items: pa.Table,
    parameters: ProfileParameters,
) -> pa.Table:
    """Place items and users in one space: a user is where the last likes are.

    Parameters
    ----------
    item_embeddings : pa.Table
        One row per item and kind, made elsewhere: item_key, kind, embedding.
    item_content_embeddings : pa.Table
        The same, made here: used when the first has no row.
    user_items : pa.Table
        One row per fold, user and item met: fold, user_key, item_key, is_positive, recency_rank.
    users : pa.Table
        One row per fold and user to propose to: fold, user_key.
    items : pa.Table
        One row per fold and item that may be proposed: fold, item_key.
    parameters : ProfileParameters
        Which vectors, and how likes are weighed.

    Returns
    -------
    pa.Table
        One row per fold, entity (``item`` or ``user``) and key: fold, entity, key, vector, of
        length 1, in this order. Items without a vector and users who like none that has one are
        left out.

    Raises
    ------
    ValueError
        When there are vectors but none of the kind, when those of one kind differ in length, or
        when one holds what is not a number.
    """
    embeddings = item_embeddings if item_embeddings.num_rows else item_content_embeddings
    keys, vectors = _item_vectors(embeddings, parameters.kind)
    likes = user_items.filter(pc.field(Columns.IS_POSITIVE))
    likes = likes.filter(pc.field(Columns.RECENCY_RANK) <= parameters.history)
    tables = [vector_rows("", ITEM, keys[:0], vectors[:0])]
    for fold in folds_of(items):
        in_fold = pc.field(Columns.FOLD) == fold
        allowed = np.isin(keys, items.filter(in_fold)[Columns.ITEM_KEY].to_numpy())
        tables.append(vector_rows(fold, ITEM, keys[allowed], vectors[allowed]))
        user_keys = np.unique(users.filter(in_fold)[Columns.USER_KEY].to_numpy())
        profiles = _profiles(likes.filter(in_fold), user_keys, keys, vectors, parameters)
        is_known = profiles.any(axis=1)
        tables.append(vector_rows(fold, USER, user_keys[is_known], profiles[is_known]))
    return pa.concat_tables(tables)


def _profiles(
    likes: pa.Table,
    user_keys: np.ndarray,
    keys: np.ndarray,
    vectors: np.ndarray,
    parameters: ProfileParameters,
) -> np.ndarray:
    """A user's vector: the sum of the likes', each weighed by how many came after it."""
    has_both = pc.and_(
        pc.is_in(likes[Columns.USER_KEY], pa.array(user_keys, pa.int32())),
        pc.is_in(likes[Columns.ITEM_KEY], pa.array(keys, pa.int32())),
    )
    likes = likes.filter(has_both)
    rows = np.searchsorted(user_keys, likes[Columns.USER_KEY].to_numpy())
    columns = np.searchsorted(keys, likes[Columns.ITEM_KEY].to_numpy())
    n_newer = likes[Columns.RECENCY_RANK].to_numpy() - 1
    weights = np.power(parameters.history_decay, n_newer, dtype=np.float32)
    shape = (len(user_keys), len(keys))
    matrix = csr_matrix((weights, (rows, columns)), shape=shape)
    matrix.sort_indices()
    return _of_length_one(matrix @ vectors)


def _item_vectors(embeddings: pa.Table, kind: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Keys, ascending, and their vectors, of length 1: several kinds count alike, side by side."""
    kinds = sorted(pc.unique(embeddings[Columns.KIND]).to_pylist())
    if kind and kinds and kind not in kinds:
        raise ValueError(
            f'embedding_kind: no item has a vector of the kind "{kind}"; there are those of '
            f"{', '.join(kinds)}"
        )
    keys = np.unique(embeddings[Columns.ITEM_KEY].to_numpy()).astype(np.int32)
    blocks = [
        _vectors_of_kind(embeddings.filter(pc.field(Columns.KIND) == name), name, keys)
        for name in ([kind] if kind and kinds else kinds)
    ]
    if not blocks:
        return keys, np.empty((0, 1), dtype=np.float32)
    vectors = _of_length_one(np.hstack(blocks))
    is_known = vectors.any(axis=1)
    return keys[is_known], vectors[is_known]


def _vectors_of_kind(embeddings: pa.Table, kind: str, keys: np.ndarray) -> np.ndarray:
    lengths = pc.unique(pc.list_value_length(embeddings[Columns.EMBEDDING])).to_pylist()
    if len(lengths) > 1:
        raise ValueError(
            f'item_embeddings: vectors of the kind "{kind}" differ in length: '
            f"{', '.join(str(length) for length in sorted(lengths))}"
        )
    item_keys = embeddings[Columns.ITEM_KEY].to_numpy()
    values = pc.list_flatten(embeddings[Columns.EMBEDDING]).to_numpy()
    values = values.astype(np.float32).reshape(len(item_keys), lengths[0])
    is_broken = ~np.isfinite(values).all(axis=1)
    if is_broken.any():
        raise ValueError(
            f'item_embeddings: the vector of the kind "{kind}" of item_key '
            f"{item_keys[is_broken].min()} holds what is not a number"
        )
    vectors = np.zeros((len(keys), lengths[0]), dtype=np.float32)
    vectors[np.searchsorted(keys, item_keys)] = _of_length_one(values)
    return vectors


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; those without a direction are zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _embeddings(keys: np.ndarray, vectors: np.ndarray) -> pa.Table:
    kept = np.linalg.norm(vectors, axis=1) > SHORTEST
    vectors = _of_length_one(vectors[kept])
    return pa.table(
        {
            Columns.ITEM_KEY: pa.array(keys[kept], pa.int32()),
            Columns.KIND: pa.array(["text"] * len(vectors), pa.string()),
            Columns.EMBEDDING: fixed_size_lists(vectors),
        }
    )
