"""The list picked item by item: relevant, unlike what stands above it, within caps."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models_py import memory
from models_py.columns import PICKED, Columns
from models_py.tables import rows_of

CATEGORY = "category"
# Users at once: bounds memory, at users × candidates × attributes of an item cells.
USERS_PER_BLOCK = 1000
BYTES_PER_CELL = 32


@dataclass(frozen=True)
class PickParameters:
    """Parameters of :func:`picked_candidates`."""

    n_picks: int = 20
    """Length of a list."""
    diversity_lambda: float = 1.0
    """Weight of relevance against similarity, 0 to 1."""
    max_per_attribute: dict[str, int] = field(default_factory=dict)
    """Kind of attribute to the items of one attribute that a list may have."""


@dataclass(frozen=True)
class Attributes:
    """The attributes of one kind, as numbers."""

    of_items: np.ndarray
    """Numbers of an item's attributes, one row an item key, filled up with ``n_attributes``."""
    n_attributes: int
    """How many there are."""


def attributes_of(item_attributes: pa.Table, kind: str, n_items: int) -> Attributes:
    """Number the attributes of a kind.

    Parameters
    ----------
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute.
    kind : str
        The kind.
    n_items : int
        Item keys are below this.

    Returns
    -------
    Attributes
        Items without such an attribute have a row of fillers alone.
    """
    rows = rows_of(item_attributes, kind=kind)
    rows = rows.filter(pc.less(rows[Columns.ITEM_KEY], n_items))
    rows = rows.sort_by([(Columns.ITEM_KEY, "ascending"), (Columns.ATTRIBUTE, "ascending")])
    items = rows[Columns.ITEM_KEY].to_numpy()
    names, numbers = np.unique(rows[Columns.ATTRIBUTE].to_numpy(False), return_inverse=True)
    counts = np.bincount(items, minlength=n_items)
    of_items = np.full((n_items, max(1, counts.max(initial=0))), len(names))
    nth = np.arange(len(items)) - (np.cumsum(counts) - counts)[items]
    of_items[items, nth] = numbers
    return Attributes(of_items, len(names))


def picked_candidates(
    candidates: pa.Table, item_attributes: pa.Table, parameters: PickParameters
) -> pa.Table:
    """Pick each user's list by maximal marginal relevance, within caps.

    A place at a time: the candidate with the largest lambda × relevance − (1 − lambda) × similarity
    to the most similar item above, by Jaccard over categories. Candidates that repeat another, or
    have an attribute of which the list has as many as it may, wait until nothing else is left.

    Carbonell, Goldstein: The Use of MMR, Diversity-Based Reranking (SIGIR 1998).

    Parameters
    ----------
    candidates : pa.Table
        One row per fold, user and candidate: fold, user_key, item_key, relevance, rank,
        is_repeat. Ties are broken by rank.
    item_attributes : pa.Table
        One row per item, kind and attribute: item_key, kind, attribute.
    parameters : PickParameters
        Lambda, caps, and how many to pick.

    Returns
    -------
    pa.Table
        As ``columns.PICKED``: what was picked, and, without a rank, what a cap kept out.
    """
    candidates = candidates.sort_by(
        [(name, "ascending") for name in (Columns.FOLD, Columns.USER_KEY, Columns.RANK)]
    )
    items = candidates[Columns.ITEM_KEY].to_numpy()
    users = candidates[Columns.USER_KEY].to_numpy()
    folds = pc.dictionary_encode(candidates[Columns.FOLD]).combine_chunks().indices.to_numpy()
    relevances = candidates[Columns.RELEVANCE].to_numpy()
    repeats = candidates[Columns.IS_REPEAT].to_numpy(zero_copy_only=False)

    n_items = items.max(initial=-1) + 1
    kinds = {CATEGORY, *parameters.max_per_attribute}
    attributes = {kind: attributes_of(item_attributes, kind, n_items) for kind in kinds}

    changes = (users[1:] != users[:-1]) | (folds[1:] != folds[:-1])
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(users)]])
    if not len(users):
        starts = np.zeros(1, dtype=int)
    longest = np.diff(starts).max(initial=0)
    for kind, of in attributes.items():
        memory.require(
            USERS_PER_BLOCK
            * (longest * of.of_items.shape[1] * BYTES_PER_CELL + of.n_attributes * 4),
            f"A choice among {longest:,} candidates of up to {of.of_items.shape[1]:,} out of "
            f"{of.n_attributes:,} attributes of the kind {kind}",
            "Lower rerank_k, or take the kind out of max_per_attribute.",
        )
    ranks = np.zeros(len(users), dtype=np.int32)
    capped = np.zeros(len(users), dtype=bool)
    for first in range(0, len(starts) - 1, USERS_PER_BLOCK):
        block = starts[first : first + USERS_PER_BLOCK + 1]
        lengths = np.diff(block)
        is_there = np.arange(lengths.max()) < lengths[:, None]
        rows = slice(block[0], block[-1])

        def padded(values, rows=rows, is_there=is_there):
            filled = np.zeros(is_there.shape, dtype=values.dtype)
            filled[is_there] = values[rows]
            return filled

        block_ranks, block_capped = picks(
            padded(relevances),
            padded(repeats),
            is_there,
            {
                kind: (of.of_items[padded(items)], of.n_attributes)
                for kind, of in attributes.items()
            },
            parameters,
        )
        ranks[rows], capped[rows] = block_ranks[is_there], block_capped[is_there]

    kept = (ranks > 0) | capped
    picked = candidates.select([Columns.FOLD, Columns.USER_KEY, Columns.ITEM_KEY]).filter(kept)
    return pa.table(
        [*picked.columns, pa.array(ranks[kept], mask=ranks[kept] == 0), pa.array(capped[kept])],
        schema=PICKED,
    )


def picks(
    relevances: np.ndarray,
    repeats: np.ndarray,
    is_there: np.ndarray,
    attributes: dict[str, tuple[np.ndarray, int]],
    parameters: PickParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """Pick the lists of some users, all of them a place at a time.

    Parameters
    ----------
    relevances, repeats, is_there : arrays, shape (n_users, n_candidates)
        Candidates in the order that breaks ties.
    attributes : dict
        Kind to the numbers of each candidate's attributes, shape (n_users, n_candidates, n), and
        how many there are.
    parameters : PickParameters
        Lambda, caps, and how many to pick.

    Returns
    -------
    ranks : int array, shape (n_users, n_candidates)
        Place on the list from 1; 0 for what was not picked.
    capped : bool array, shape (n_users, n_candidates)
        Whether a cap kept it out, and it was not picked.

    Examples
    --------
    Two of the same category, and one of another:

    >>> categories = np.array([[[0], [0], [1]]])
    >>> ranks, _ = picks(
    ...     np.array([[1.0, 0.9, 0.8]]),
    ...     np.zeros((1, 3), dtype=bool),
    ...     np.ones((1, 3), dtype=bool),
    ...     {"category": (categories, 2)},
    ...     PickParameters(n_picks=3, diversity_lambda=0.5),
    ... )
    >>> ranks.tolist()
    [[1, 3, 2]]
    """
    n_users, n_candidates = relevances.shape
    every_user = np.arange(n_users)
    numbers, n_categories = attributes[CATEGORY]
    sizes = (numbers < n_categories).sum(axis=2)
    weight = parameters.diversity_lambda
    nearest = np.zeros(relevances.shape)
    in_pool = is_there.copy()
    ranks = np.zeros(relevances.shape, dtype=np.int32)
    capped = np.zeros(relevances.shape, dtype=bool)
    shown = {
        kind: np.zeros((n_users, attributes[kind][1] + 1), dtype=np.int32)
        for kind in parameters.max_per_attribute
    }
    for place in range(1, min(parameters.n_picks, n_candidates) + 1):
        is_free = in_pool & ~repeats & ~capped
        can_pick = np.where(is_free.any(axis=1)[:, None], is_free, in_pool)
        values = weight * relevances - (1 - weight) * nearest
        picked = np.where(can_pick, values, -np.inf).argmax(axis=1)
        with_pick = np.flatnonzero(in_pool[every_user, picked])
        picked = picked[with_pick]
        ranks[with_pick, picked] = place
        in_pool[with_pick, picked] = False
        if weight < 1:
            is_picked = np.zeros((n_users, n_categories + 1), dtype=bool)
            is_picked[with_pick[:, None], numbers[with_pick, picked]] = True
            # What fills up short rows is no category that two items share.
            is_picked[:, n_categories] = False
            n_shared = is_picked[every_user[:, None, None], numbers].sum(axis=2)
            n_either = sizes + is_picked.sum(axis=1)[:, None] - n_shared
            np.maximum(nearest, n_shared / np.maximum(n_either, 1), out=nearest)
        for kind, cap in parameters.max_per_attribute.items():
            of_kind, n_attributes = attributes[kind]
            np.add.at(shown[kind], (with_pick[:, None], of_kind[with_pick, picked]), 1)
            is_full = shown[kind] >= cap
            is_full[:, n_attributes] = False
            capped |= is_full[every_user[:, None, None], of_kind].any(axis=2)
    return ranks, capped & (ranks == 0) & is_there
