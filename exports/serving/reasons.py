"""Why an item is shown, in the words of reason_templates."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exports.serving.person import Person
from exports.serving.pool import Pool
from exports.serving.rerank import Place
from exports.serving.run import Run

# What is said of everybody is said of so many items, the first of each order.
TOP_ITEMS = 100
# A like that leads to an item so strongly, as a share of the strongest, may be named in its stead.
NEARLY = 0.5


@dataclass(frozen=True)
class Said:
    """What is said of an item on the list."""

    source: str | None
    slot: str | None
    reason: str
    reason_item_id: str | None


class Reasons:
    """Says why.

    What the build said of an item on a person's list is said again. Of others: the like that leads
    to the item most, then what was chosen in a survey, then the trend, what is popular, and what
    the source that puts it highest claims.

    Parameters
    ----------
    run : Run
        What was published.
    person : Person
        To whom it is said.
    places : list of Place
        What is on the list.
    pool : Pool, optional
        The candidates that the items come from.
    source : str, optional
        The source that they come from, where it is one alone.
    said : dict, optional
        Item → what is said of it already.
    """

    def __init__(
        self,
        run: Run,
        person: Person,
        places: list[Place],
        pool: Pool | None = None,
        source: str | None = None,
        said: dict[int, str] | None = None,
    ) -> None:
        self.run, self.person, self.pool, self.source = run, person, pool, source
        self._shown = [place.item for place in places]
        self._said = said or {}
        self._n_named: Counter[int] = Counter()

    def of(self, place: Place) -> Said:
        """Give the reason of a place on the list."""
        published = self.published.get(place.item)
        if published is not None and published.slot == place.slot and not self.person.is_changed:
            return published
        if place.slot in ("pinned", "sponsored"):
            source = {"pinned": "business_rules", "sponsored": "sponsored_items"}[place.slot]
            return Said(source, place.slot, place.reason or self._template("new_to_user"), None)
        if place.slot == "explore":
            return Said("exploration", place.slot, self._template("exploration"), None)
        if place.item in self._said:
            return Said("cold_start", place.slot, self._said[place.item], None)
        return self._found(place)

    def _found(self, place: Place) -> Said:
        item, best = place.item, self._best_source(place.item)
        liked = self._named(item)
        if liked is not None:
            template = self.run.reason_templates["cooccurrence"][0]
            reason = template.replace("{item}", self.run.titles[liked] or "")
            return Said(best or "cooccurrence", place.slot, reason, self.run.item_ids[liked])
        for answer in self.person.answers:
            if answer in self.run.attributes_of(item):
                reason = self.run.reason_templates["survey"][0].replace("{answer}", answer[1])
                return Said("survey", place.slot, reason, None)
        if self.run.parameters["has_event_times"] and item in self._top(self.run.by_trend):
            return Said(best or "trending", place.slot, self._template("trending"), None)
        if item in self._top(self.run.by_popularity):
            return Said(best or "popular", place.slot, self._template("popular"), None)
        if best is None or best in ("popular", "trending", "popular_in_segment"):
            return Said(best, place.slot, self._template("new_to_user"), None)
        return Said(best, place.slot, self._template(best), None)

    def _template(self, source: str) -> str:
        return self.run.reason_templates[source][1]

    @staticmethod
    def _top(order: np.ndarray) -> set[int]:
        return set(order[:TOP_ITEMS].tolist())

    def _best_source(self, item: int) -> str | None:
        if self.pool is None:
            return self.source
        at = np.flatnonzero(self.pool.items == item)
        if not len(at):
            return None
        ranks = {
            source: float(ranks[at[0]])
            for source, ranks in self.pool.ranks.items()
            if not np.isnan(ranks[at[0]])
        }
        return min(ranks, key=lambda source: (ranks[source], source)) if ranks else None

    @cached_property
    def published(self) -> dict[int, Said]:
        """Item → what the build said of it on the person's list."""
        return published_words(self.run, self.person.user_key)

    def _named(self, item: int) -> int | None:
        """The like that a reason names: of those that lead to the item nearly as strongly as any,
        the one that was named least, so that a list does not name one over and over."""
        ties = self._ties.get(item)
        if not ties:
            return None
        strongest = max(ties.values())
        near = [liked for liked, tie in ties.items() if tie >= NEARLY * strongest]
        named = min(near, key=lambda liked: (self._n_named[liked], -ties[liked]))
        self._n_named[named] += 1
        return named

    @cached_property
    def _ties(self) -> dict[int, dict[int, float]]:
        """Item of the pool → the likes that lead to it, and how strongly."""
        run = self.run
        group = run.neighbors.get("cooccurrence")
        likes = self.person.likes[: run.parameters["reason_history"]]
        if group is None or not len(likes):
            return {}
        rows, owners = group.of_all(likes[likes < len(group.starts)])
        _, decay = run.parameters["histories"]["cooccurrence"]
        strengths = group.columns["score"][rows] * np.power(decay, owners)
        items = group.columns["neighbor_item_key"][rows]
        is_shown = np.isin(items, self._shown)
        ties: dict[int, dict[int, float]] = {}
        for item, liked, tie in zip(
            items[is_shown].tolist(),
            likes[owners[is_shown]].tolist(),
            strengths[is_shown].tolist(),
            strict=True,
        ):
            ties.setdefault(item, {})[liked] = tie
        return ties


def published_words(run: Run, user_key: int | None) -> dict[int, Said]:
    """Give what the build said of each item on a user's list, in its order."""
    if user_key is None or run.lists is None or run.list_words is None:
        return {}
    rows = run.lists.rows(user_key)
    words = run.list_words.slice(rows.start, rows.stop - rows.start).to_pylist()
    items = run.lists.of(user_key, "item_key").tolist()
    return {item: Said(**its) for item, its in zip(items, words, strict=True)}
