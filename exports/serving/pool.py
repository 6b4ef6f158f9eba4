"""The candidates of a person: what each source proposes, and all of them as one pool."""

from dataclasses import dataclass

import numpy as np

from exports.serving.exact import exact_sums
from exports.serving.person import Person
from exports.serving.run import Run

# Digits after the point that the SQL models give a score.
NEIGHBOR_SCALES = {"cooccurrence": 12, "transitions": 12, "rp3beta": 13}
RRF_SCALE = 15

# Source → (items, scores), best first.
Lists = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Pool:
    """Candidates, in the order of their scores."""

    items: np.ndarray
    """Int array, shape (n,)."""
    scores: np.ndarray
    """Float64 array, shape (n,): reciprocal ranks, added up."""
    ranks: dict[str, np.ndarray]
    """Source → its place for each candidate, float32; NaN where it does not propose it."""
    relative: dict[str, np.ndarray]
    """Source → its score over its best for the person, float32."""

    def only(self, is_kept: np.ndarray) -> "Pool":
        """Keep some candidates."""
        return Pool(
            self.items[is_kept],
            self.scores[is_kept],
            {source: ranks[is_kept] for source, ranks in self.ranks.items()},
            {source: scores[is_kept] for source, scores in self.relative.items()},
        )


def nightly_pool(run: Run, user_key: int) -> Pool | None:
    """Give the candidates that the build ranked for a user; None without any."""
    if run.pools is None:
        return None
    items = run.pools.of(user_key, "item_key")
    if not len(items):
        return None
    sources = run.parameters["sources"]
    return Pool(
        items.astype(np.int64),
        run.pools.of(user_key, "score"),
        {source: run.pools.of(user_key, f"{source}_rank") for source in sources},
        {source: run.pools.of(user_key, f"{source}_score") for source in sources},
    )


def listed(order: np.ndarray, met: np.ndarray, k: int) -> np.ndarray:
    """Take the first k of an order that the person has not met."""
    # What is longer than that cannot be reached.
    head = order[: len(met) + k]
    return head[~is_among(head, met)][:k]


def neighbor_list(run: Run, source: str, person: Person, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Go from what the person liked to its neighbours, as the macro ``neighbor_candidates`` does.

    Returns
    -------
    items, scores : arrays, shape (n,)
        At most k, the best first, ties by item.
    """
    history, decay = run.parameters["histories"][source]
    group = run.neighbors[source]
    likes = person.likes if history is None else person.likes[:history]
    rows, owners = group.of_all(likes[likes < len(group.starts)])
    items = group.columns["neighbor_item_key"][rows]
    weights = np.power(decay, np.arange(len(likes)))
    distinct, places = np.unique(items, return_inverse=True)
    scores = exact_sums(
        weights[owners] * group.columns["score"][rows],
        places,
        len(distinct),
        NEIGHBOR_SCALES[source],
    )
    return best(run, person, distinct, scores, k)


def best(
    run: Run, person: Person, items: np.ndarray, scores: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the k best that may be shown and that the person has not met, ties by item."""
    is_kept = run.is_recommendable[items] & ~is_among(items, person.met)
    items, scores = items[is_kept], scores[is_kept]
    order = np.lexsort((items, -scores))[:k]
    return items[order], scores[order]


def lists_without_vectors(run: Run, person: Person, k: int) -> Lists:
    """Give the lists of the sources that need no vectors: they are worked out from the history."""
    lists: Lists = {}
    sources = run.parameters["sources"]
    for source, order, column in (
        ("popular", run.by_popularity, "n_positive_users"),
        ("trending", run.by_trend, "trending_score"),
    ):
        if source in sources:
            items = listed(order, person.met, k)
            lists[source] = items, run.items[column][items].astype(np.float64)
    if "popular_in_segment" in sources and person.segment is not None and run.segment_items:
        rows = run.segment_items.rows(person.segment)
        order = run.segment_items.columns["item_key"][rows]
        shares = run.segment_items.columns["like_share"][rows]
        places = np.flatnonzero(~is_among(order[: len(person.met) + k], person.met))[:k]
        lists["popular_in_segment"] = order[places], shares[places]
    for source in run.neighbors:
        if source in sources and len(person.likes):
            lists[source] = neighbor_list(run, source, person, k)
    return lists


def pooled(run: Run, lists: Lists, kept: Pool | None = None) -> Pool:
    """Make one pool of the lists, as ``candidate_pool`` (or the blend) does.

    Parameters
    ----------
    run : Run
        Says how lists are fused (Cormack, Clarke, Büttcher 2009).
    lists : dict
        Source → (items, scores), best first.
    kept : Pool, optional
        What the build knew, of sources that the lists do not speak for.

    Returns
    -------
    Pool
        The first ``ranked_k``, the best first, ties by item.
    """
    parameters = run.parameters
    weights = parameters["blend_weights"] if parameters["ranker"] == "blend" else None
    parts = [items for items, _ in lists.values()]
    if kept is not None:
        parts.append(kept.items)
    items = np.unique(np.concatenate(parts or [np.empty(0, dtype=np.int64)])).astype(np.int64)
    ranks, relative = {}, {}
    for source in dict.fromkeys([*parameters["sources"], *lists]):
        of_source = np.full(len(items), np.nan, dtype=np.float32)
        of_scores = of_source.copy()
        if source in lists:
            its, scores = lists[source]
            places = np.searchsorted(items, its)
            of_source[places] = np.arange(1, len(its) + 1)
            largest = scores.max(initial=0.0) if len(scores) else 0.0
            if largest:
                of_scores[places] = scores / largest
        elif kept is not None:
            places = np.searchsorted(items, kept.items)
            of_source[places] = kept.ranks[source]
            of_scores[places] = kept.relative[source]
        ranks[source], relative[source] = of_source, of_scores
    totals = fused(run, ranks, weights)
    pool = Pool(items, totals, ranks, relative)
    order = np.lexsort((items, -totals))[: parameters["ranked_k"]]
    return pool.only(order[totals[order] > 0])


def fused(
    run: Run, ranks: dict[str, np.ndarray], weights: dict[str, float] | None = None
) -> np.ndarray:
    """Add up the reciprocal ranks of each candidate (Cormack, Clarke, Büttcher 2009).

    Parameters
    ----------
    run : Run
        Says how soon ranks stop to count.
    ranks : dict
        Source → the place of each candidate, NaN where it does not propose it, shape (n,).
    weights : dict, optional
        Source → how much it counts, as in the blend; by default all count the same.

    Returns
    -------
    float64 array, shape (n,)
        Larger is better.
    """
    n = len(next(iter(ranks.values()), ()))
    sources = [its for its in ranks if weights is None or weights.get(its, 0.0) > 0]
    if not sources:
        return np.zeros(n)
    shares = np.concatenate(
        [
            (1.0 if weights is None else weights[source])
            / (run.parameters["rrf_k"] + ranks[source].astype(np.float64))
            for source in sources
        ]
    )
    groups = np.tile(np.arange(n), len(sources))
    is_there = ~np.isnan(shares)
    return exact_sums(shares[is_there], groups[is_there], n, RRF_SCALE)


def survey_list(run: Run, person: Person, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Propose what fits the attributes that the person chose, as ``survey_candidates`` does.

    Returns
    -------
    items, scores : arrays, shape (n,)
        At most k, the best first, ties by item.
    """
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    numbers = [run.attribute_numbers[its] for its in person.answers if its in run.attribute_numbers]
    if not numbers or run.attribute_items is None:
        return nothing
    kinds = [run.attribute_names[number][0] for number in numbers]
    lengths = np.sqrt([kinds.count(kind) for kind in kinds]) * len(set(kinds))
    rows, owners = run.attribute_items.of_all(np.array(numbers))
    items, places = np.unique(run.attribute_items.columns["item_key"][rows], return_inverse=True)
    if not len(items):
        return nothing
    weights = run.attribute_items.columns["weight"][rows] / lengths[owners]
    fits = exact_sums(weights, places, len(items), 12)
    qualities = np.zeros(len(items))
    qualities[places] = run.attribute_items.columns["quality"][rows]
    scores = qualities * np.maximum(fits, 0.0) ** run.parameters["survey_content_power"]
    return best(run, person, items.astype(np.int64), scores, k)


def is_among(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Whether each value is among some that are in ascending order."""
    if not len(ascending):
        return np.zeros(len(values), dtype=bool)
    places = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    return ascending[places] == values
