"""What a ranker is told of a person's candidates: the features of the SQL models, for one person.

Each is worked out as ``user_item_features`` does, to the last bit; a test compares the two.
"""

import numpy as np

from exports.serving.exact import decimals, doubles, exact_sums, inner_products
from exports.serving.person import Person
from exports.serving.pool import Pool
from exports.serving.run import Group, Ranker, Run

SCALE = 12
KINDS = ("category", "tag", "brand")

# Source → (vectors of the candidates, NaN where there is none; the person's vector).
Vectors = dict[str, tuple[np.ndarray, np.ndarray]]


class FeatureError(Exception):
    """A ranker that was taught features which the service does not know."""


def features_of(
    run: Run, ranker: Ranker, person: Person, pool: Pool, vectors: Vectors
) -> tuple[np.ndarray, np.ndarray]:
    """Lay out what the ranker is told of each candidate.

    Parameters
    ----------
    run, ranker : Run, Ranker
        What was published.
    person : Person
        Whose candidates they are.
    pool : Pool
        The candidates, n of them.
    vectors : dict
        Source → vectors of the candidates (n, d), and of the person (d,).

    Returns
    -------
    features : float32 array, shape (n, n_numbers)
        In the ranker's order, NaN where one is missing.
    categories : int32 array, shape (n, n_categories)
        Ids, -1 where one is missing or unknown.

    Raises
    ------
    FeatureError
        When the ranker was told of something that is worked out nowhere here.
    """
    items = pool.items
    columns = _pair_features(run, person, pool, vectors)
    for feature, column in run.features_of("user_features", "numeric"):
        columns[feature] = person.numbers.get(column, np.nan)
    of_items = np.asarray(run.item_features[items])
    for place, (feature, _) in enumerate(run.features_of("item_features", "numeric")):
        columns[feature] = of_items[:, place]
    missing = set(ranker.columnar.numbers) - set(columns)
    missing |= set(ranker.columnar.categories) - set(person.categories)
    if missing:
        raise FeatureError(f"the ranker was taught {', '.join(sorted(missing))}")
    features = np.empty((len(items), len(ranker.columnar.numbers)), dtype=np.float32)
    for place, feature in enumerate(ranker.columnar.numbers):
        features[:, place] = columns[feature]
    ids = np.full((len(items), len(ranker.columnar.categories)), -1, dtype=np.int32)
    for place, feature in enumerate(ranker.columnar.categories):
        vocabulary = ranker.columnar.vocabularies[feature]
        category = person.categories[feature]
        ids[:, place] = vocabulary.index(category) if category in vocabulary else -1
    return features, ids


def _pair_features(run: Run, person: Person, pool: Pool, vectors: Vectors) -> dict:
    parameters, items = run.parameters, pool.items
    n = len(items)
    ranks = np.stack(list(pool.ranks.values())) if pool.ranks else np.empty((0, n))
    columns = {
        "pool_score": pool.scores,
        "pool_rank": np.arange(1, n + 1),
        "n_sources": (~np.isnan(ranks)).sum(axis=0),
        "best_rank": np.fmin.reduce(ranks, axis=0) if len(ranks) else np.full(n, np.nan),
    }
    for feature, _ in run.features_of("user_item_features", "numeric"):
        columns.setdefault(feature, np.nan)
    for source in pool.ranks:
        columns[f"{source}_rank"] = pool.ranks[source]
        columns[f"{source}_score"] = pool.relative[source]

    order = np.argsort(items)
    ascending = items[order]
    last = person.likes[: parameters["ranker_history"]]
    for source, group in run.neighbors.items():
        strongest, mean = _ties(group, last, ascending, parameters["ranker_history"])
        columns[f"{source}_strongest_tie"] = _unsorted(strongest, order)
        columns[f"{source}_mean_tie"] = _unsorted(mean, order)
    for source, (of_items, of_person) in vectors.items():
        columns[f"{source}_similarity"] = inner_products(of_items, of_person)

    tastes = person.likes[: parameters["ranker_taste_history"]]
    if run.attributes is not None:
        columns |= _affinities(run, tastes, items)
    years = np.asarray(run.items["release_year"])
    columns["year_affinity"] = _year_affinities(years[tastes], years[items])
    columns["segment_affinity"] = _segment_affinities(run, person, items)
    release_days = np.asarray(run.items["release_day"])[items]
    columns["release_gap_days"] = release_days - person.numbers["mean_release_day"]
    of_items = {
        column: np.asarray(run.item_features[items, place])
        for place, (_, column) in enumerate(run.features_of("item_features", "numeric"))
        if column in ("days_since_first_interaction", "days_since_release")
    }
    first, released = (
        of_items.get(name, np.full(n, np.nan))
        for name in ("days_since_first_interaction", "days_since_release")
    )
    columns["days_new_to_user"] = person.numbers.get(
        "days_since_last_interaction", np.nan
    ) - np.where(np.isnan(first), released, first)
    return columns


def _unsorted(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    placed = np.empty_like(values)
    placed[order] = values
    return placed


def _ties(
    group: Group, last: np.ndarray, ascending: np.ndarray, history: int
) -> tuple[np.ndarray, np.ndarray]:
    """How strongly the last likes lead to each candidate: the most, and on average."""
    strongest, total = np.zeros(len(ascending)), np.zeros(len(ascending))
    rows, _ = group.of_all(last[last < len(group.starts)])
    if not len(rows) or not len(ascending):
        return strongest, total
    items = group.columns["neighbor_item_key"][rows]
    places = np.searchsorted(ascending, items).clip(max=len(ascending) - 1)
    is_candidate = ascending[places] == items
    places = places[is_candidate]
    scores = group.columns["score"][rows[is_candidate]]
    np.maximum.at(strongest, places, scores)
    return strongest, exact_sums(scores, places, len(ascending), SCALE) / history


def _affinities(run: Run, tastes: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
    """The share of the last likes that have an item's attributes: of each kind, and of all."""
    n = len(items)
    names = ("attribute", *KINDS)
    affinities = {f"{name}_affinity": np.full(n, np.nan) for name in names}
    is_said = run.is_said
    rows, _ = run.attributes.of_all(tastes)
    liked = run.attributes.columns["number"][rows] if len(rows) else np.empty(0, dtype=np.int32)
    liked, counts = np.unique(liked[is_said[liked]], return_counts=True)
    rows, owners = run.attributes.of_all(items)
    if not len(rows):
        return affinities
    numbers = run.attributes.columns["number"][rows]
    is_kept = is_said[numbers]
    numbers, owners = numbers[is_kept], owners[is_kept]
    if not len(liked) or not len(numbers):
        return affinities
    places = np.searchsorted(liked, numbers).clip(max=len(liked) - 1)
    is_liked = liked[places] == numbers
    shares = decimals(counts[places] / len(tastes), SCALE)
    for name in names:
        of_kind = (
            np.ones(len(numbers), dtype=bool)
            if name == "attribute"
            else run.kind_codes[numbers] == KINDS.index(name)
        )
        n_attributes = np.bincount(owners[of_kind], minlength=n)
        counted = of_kind & is_liked
        totals = np.zeros(n, dtype=np.int64)
        np.add.at(totals, owners[counted], shares[counted])
        has_liked = np.bincount(owners[counted], minlength=n) > 0
        affinities[f"{name}_affinity"] = np.where(
            has_liked, doubles(totals, SCALE) / np.maximum(1, n_attributes), np.nan
        )
    return affinities


def _year_affinities(liked: np.ndarray, years: np.ndarray) -> np.ndarray:
    """The share of the last likes that came out in an item's year, the one before or after."""
    n_likes = len(liked)
    liked, counts = np.unique(liked[~np.isnan(liked)], return_counts=True)
    totals = np.zeros(len(years), dtype=np.int64)
    if not len(liked):
        return doubles(totals, SCALE)
    shares = decimals(counts / n_likes, SCALE)
    for step in (-1, 0, 1):
        places = np.searchsorted(liked, years + step).clip(max=len(liked) - 1)
        totals += np.where(liked[places] == years + step, shares[places], 0)
    return doubles(totals, SCALE)


def _segment_affinities(run: Run, person: Person, items: np.ndarray) -> np.ndarray:
    affinities = np.full(len(items), np.nan)
    if person.segment not in run.segment_affinities:
        return affinities
    keys, values = run.segment_affinities[person.segment]
    if not len(keys):
        return affinities
    places = np.searchsorted(keys, items).clip(max=len(keys) - 1)
    return np.where(keys[places] == items, values[places], np.nan)
