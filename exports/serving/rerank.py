"""The business re-rank of one person's candidates: the rules of the SQL models, in their order.

As ``weighed_candidates``, ``picked_candidates`` and ``list_places`` do: exclude; boost and bury;
freshness; one of each group of variants; diversity with caps; the trend fills up; places given away
to pins, sponsored items and what is explored.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exports.serving.person import Person
from exports.serving.run import Run
from models_py.rerank import CATEGORY, PickParameters, picks


@dataclass(frozen=True)
class Wishes:
    """What a request wants beside the person's own list."""

    k: int = 20
    """Places."""
    excluded: frozenset[int] = frozenset()
    """Items that are not shown."""
    attribute: int | None = None
    """Number of the attribute that everything shown has."""


@dataclass(frozen=True)
class Place:
    """An item on the list."""

    item: int
    score: float
    """Of the ranker; 0 for what it did not rank."""
    slot: str
    """ranked, fresh, cold_start, pinned, sponsored or explore."""
    reason: str | None = None
    """What whoever gave the place away says."""


@dataclass
class _Row:
    """A candidate on its way through the steps."""

    item: int
    score: float
    relevance: float
    place_by_rules: int = 0
    is_repeat: bool = False
    is_fresh: bool = False


def reranked(
    run: Run,
    person: Person,
    items: np.ndarray,
    scores: np.ndarray,
    wishes: Wishes,
) -> list[Place]:
    """Make the list that is shown.

    Parameters
    ----------
    run : Run
        Rules and parameters.
    person : Person
        Whom it is shown to.
    items, scores : arrays, shape (n,)
        What the ranker made of the candidates, the best first.
    wishes : Wishes
        How long, without what, of what.

    Returns
    -------
    list of Place
        ``wishes.k`` of them, or as many as there are items left.
    """
    parameters = run.parameters
    pins = [rule for rule in run.rules if rule.action == "pin"]
    shows = may_show(run, wishes)
    excluded = run.excluded | wishes.excluded
    # The steps look as far as the build did, further only for a longer list.
    length = max(wishes.k, parameters["recommendations_k"])
    looked_at = max(length, parameters["rerank_k"])

    factors: dict[int, float] = {}
    for rule in run.rules:
        if rule.action in ("boost", "bury"):
            factors[rule.item_key] = factors.get(rule.item_key, 1.0) * rule.value
    rows = []
    for item, score in zip(items.tolist(), scores.tolist(), strict=True):
        if item in excluded or not shows(item):
            continue
        relevance = 1.0 - len(rows) / looked_at
        rows.append(_Row(item, score, relevance * factors.get(item, 1.0)))
        if len(rows) == looked_at:
            break

    rows.sort(key=lambda row: -row.relevance)
    for place, row in enumerate(rows, 1):
        row.place_by_rules = place
    if parameters["freshness_boost"] > 0:
        _freshen(run, rows, length)
    if parameters["dedupe_attribute"] is not None:
        _mark_repeats(run, rows, {rule.item_key for rule in pins})
        rows.sort(key=lambda row: row.is_repeat)
    by_item = {row.item: row for row in rows}
    if parameters["diversity_lambda"] < 1 or parameters["max_per_attribute"]:
        rows = _picked(run, rows, length)

    ranks = {row.item: rank for rank, row in enumerate(rows[:length], 1)}
    met = set(person.met.tolist())
    if len(ranks) < length:
        for item in run.fillers_with(wishes.attribute):
            if item not in met and item not in ranks and item not in excluded:
                ranks[item] = len(ranks) + 1
                if len(ranks) == length:
                    break

    given = _given_away(run, person, ranks, met, wishes, shows, pins)
    given_items = {item for _, item, _, _ in given}
    others_above = [place - nth for nth, (place, *_) in enumerate(given, 1)]
    placed = [(place, item, slot, reason) for place, item, slot, reason in given]
    in_order = [item for item in ranks if item not in given_items]
    for nth, item in enumerate(in_order, 1):
        placed.append((nth + sum(others < nth for others in others_above), item, None, None))
    placed.sort(key=lambda row: row[:2])

    is_cold = not len(person.likes)
    places = []
    for _, item, slot, reason in placed[: wishes.k]:
        row = by_item.get(item)
        if slot is None:
            slot = "fresh" if row is not None and row.is_fresh else "ranked"
        if slot == "ranked" and is_cold:
            slot = "cold_start"
        places.append(Place(item, row.score if row else 0.0, slot, reason))
    return places


def may_show(run: Run, wishes: Wishes) -> Callable[[int], bool]:
    """Say whether an item has the attribute that everything shown is to have."""
    if wishes.attribute is None:
        return lambda item: True
    # Ascending, and there may be very many: looked into, not copied.
    members = run.items_with(wishes.attribute)

    def is_member(item: int) -> bool:
        place = bisect_left(members, item)
        return place < len(members) and bool(members[place] == item)

    return is_member


def _freshen(run: Run, rows: list[_Row], length: int) -> None:
    parameters = run.parameters
    for row in rows:
        age = float(run.items["age_days"][row.item])
        if np.isnan(age):
            continue
        half_life = parameters["freshness_half_life_days"]
        left = 1.0 if half_life is None else 2.0 ** (-max(age, 0.0) / half_life)
        row.relevance *= 1.0 + parameters["freshness_boost"] * left
    rows.sort(key=lambda row: (-row.relevance, row.place_by_rules))
    for place, row in enumerate(rows, 1):
        row.is_fresh = row.place_by_rules > length >= place


def _mark_repeats(run: Run, rows: list[_Row], pinned: set[int]) -> None:
    """All but one of each group of variants; a pin has its group for itself."""
    first: dict[str, _Row] = {}
    for row in rows:
        names = [
            attribute
            for kind, attribute in run.attributes_of(row.item)
            if kind == run.parameters["dedupe_attribute"]
        ]
        if not names:
            continue
        group = min(names)
        other = first.get(group)
        if other is None:
            first[group] = row
        elif row.item in pinned and other.item not in pinned:
            first[group], other.is_repeat = row, True
        else:
            row.is_repeat = True


def _picked(run: Run, rows: list[_Row], length: int) -> list[_Row]:
    """Pick by maximal marginal relevance, within caps."""
    if not rows:
        return rows
    parameters = run.parameters
    caps = parameters["max_per_attribute"]
    attributes = {}
    for kind in {CATEGORY, *caps}:
        names = [[name for its, name in run.attributes_of(row.item) if its == kind] for row in rows]
        numbers = {name: n for n, name in enumerate(sorted({n for its in names for n in its}))}
        widest = max(1, *(len(its) for its in names))
        of_items = np.full((1, len(rows), widest), len(numbers))
        for place, its in enumerate(names):
            of_items[0, place, : len(its)] = sorted(numbers[name] for name in its)
        attributes[kind] = (of_items, len(numbers))
    ranks, _ = picks(
        np.array([[row.relevance for row in rows]]),
        np.array([[row.is_repeat for row in rows]]),
        np.ones((1, len(rows)), dtype=bool),
        attributes,
        PickParameters(length, parameters["diversity_lambda"], caps),
    )
    order = [place for place in np.argsort(ranks[0], kind="stable") if ranks[0, place] > 0]
    return [rows[place] for place in order]


def _given_away(run, person, ranks, met, wishes, shows, pins) -> list[tuple]:
    """(place, item, slot, reason), by place: one place for an item, one item for a place."""
    parameters = run.parameters
    wanted = []

    def may_give(item: int) -> bool:
        return item not in wishes.excluded and shows(item)

    pinned = set()
    for rule in pins:
        item = rule.item_key
        if run.is_recommendable[item] and item not in met and may_give(item):
            pinned.add(item)
            wanted.append((int(rule.value), item, 1, "pinned", rule.reason))
    if person.user_key is not None:
        slots = parameters["sponsored_slots"]
        if run.sponsored is not None and slots:
            in_turn = [
                (item, run.sponsored_reasons[reason])
                for item, reason in zip(
                    run.sponsored.of(person.user_key, "item_key").tolist(),
                    run.sponsored.of(person.user_key, "reason").tolist(),
                    strict=True,
                )
                # What is as high by itself is no advertisement, and takes no place.
                if not ranks.get(item, max(slots) + 1) <= max(slots)
                and item not in pinned
                and item not in met
                and may_give(item)
            ]
            wanted += [
                (place, item, 2, "sponsored", reason)
                for place, (item, reason) in zip(slots, in_turn, strict=False)
            ]
        if run.explored is not None:
            in_turn = [
                item
                for item in run.explored.of(person.user_key, "item_key").tolist()
                if item not in ranks and item not in met and may_give(item)
            ]
            wanted += [
                (place, item, 3, "explore", None)
                for place, item in zip(parameters["exploration_places"], in_turn, strict=False)
            ]
    of_item: dict[int, tuple] = {}
    of_place: dict[int, tuple] = {}
    for row in wanted:
        place, item, precedence, *_ = row
        if item not in of_item or (precedence, place) < (of_item[item][2], of_item[item][0]):
            of_item[item] = row
        if place not in of_place or (precedence, item) < (of_place[place][2], of_place[place][1]):
            of_place[place] = row
    return sorted(
        (place, item, slot, reason)
        for place, item, precedence, slot, reason in wanted
        if of_item[item] == (place, item, precedence, slot, reason)
        and of_place[place] == (place, item, precedence, slot, reason)
    )
