"""Two stages for one person: candidates, then ranker and rules; and what there is instead.

What is served comes from the first step that can serve it: the full pipeline, the vectors alone,
the published list, the list for a person nobody knows, the trend. The answer says which.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa

from exports.serving.events import RecentEvents
from exports.serving.features import features_of
from exports.serving.person import Event, Person, after, nobody, person_of, stranger, told
from exports.serving.pool import (
    Lists,
    Pool,
    fused,
    is_among,
    lists_without_vectors,
    nightly_pool,
    pooled,
    survey_list,
)
from exports.serving.reasons import Reasons, published_words
from exports.serving.rerank import Place, Wishes, may_show, reranked
from exports.serving.run import Run
from exports.serving.vectors import VectorSource

logger = logging.getLogger("foryou.serving")

# In the order in which they are tried.
STEPS = ("pipeline", "vectors", "published", "cold_start", "trending")
# More that a person has met is not made up for: an index is asked for no more than that.
MOST_MET = 2000
# What stands for a part of a run that cannot be read.
NO_ITEMS = np.empty(0, dtype=np.int64)
NO_FEATURES = pa.table(
    dict.fromkeys(("feature", "feature_model", "type", "column_name"), pa.array([], pa.string()))
)
PLAIN_REASONS = defaultdict(lambda: ("Recommended for you", "Recommended for you"))


class CannotServeError(Exception):
    """A step that has nothing for the person; the next one is tried."""


class UnknownCategoryError(Exception):
    """Something of a category was asked for that no item has."""


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    user_id: str | None = None
    k: int = 20
    exclude: tuple[str, ...] = ()
    """Ids of items that are not shown."""
    category: str | None = None
    """Everything shown is of this category."""
    context: str | None = None
    """Id of the item that is looked at: for this answer it counts as liked last."""
    likes: tuple[str, ...] = ()
    """Ids of items that a person without an account likes, oldest first."""
    answers: tuple[tuple[str, str], ...] = ()
    """(kind, attribute) that a person without an account chose."""


@dataclass(frozen=True)
class Answer:
    """What is served."""

    run_id: str
    served_by: str
    """A name of ``STEPS``."""
    items: list[dict]
    """rank, item_id, title, score, source, slot, reason, reason_item_id, extra."""
    degraded: list[str] = field(default_factory=list)
    """What was missing on the way, in words."""


@dataclass(frozen=True)
class Candidates:
    """The first stage's answer: the pool, and the vectors that its features need."""

    pool: Pool
    vectors: dict[str, tuple[np.ndarray, np.ndarray]]


class Engine:
    """Answers for one published run.

    Parameters
    ----------
    run : Run
        What was published.
    events : RecentEvents
        What has happened since.
    user_features : callable, optional
        (run, user id) → feature of users → its value, from a feature store; None where it has none
        of this run. They stand for the published ones, which are the same.
    """

    def __init__(
        self,
        run: Run,
        events: RecentEvents,
        user_features: Callable[[Run, str], dict[str, float | str | None] | None] | None = None,
    ) -> None:
        self.run, self.events, self.user_features = run, events, user_features
        self.vectors: dict[str, VectorSource] = {}
        self.indexes: dict = {}
        for source in run.parameters["vector_sources"]:
            self._open(f"vectors of {source}", self.vectors, source, VectorSource, run, source)
            if source in self.vectors:
                self._open(f"index of {source}", self.indexes, source, self._index, source)

    def warm_up(self) -> None:
        """Work out once what every answer needs, so that the first one need not wait.

        What cannot be read is as good as empty: the steps that need it fail, others go on.
        """
        run = self.run
        empty = {
            "feature_definitions": NO_FEATURES, "_features": {}, "attribute_names": [],
            "attribute_numbers": {}, "user_attribute_names": [], "segments": [],
            "segment_numbers": {}, "is_said": np.empty(0, dtype=bool),
            "kind_codes": np.empty(0, dtype=np.int8), "sponsored_reasons": [],
            "reason_templates": PLAIN_REASONS, "user_categories": {}, "by_popularity": NO_ITEMS,
            "by_trend": NO_ITEMS, "fillers": NO_ITEMS, "segment_affinities": {},
            "_items_by_attribute": (NO_ITEMS, np.zeros(1, dtype=np.int64)),
            "_fillers_by_attribute": (NO_ITEMS, np.zeros(1, dtype=np.int64)),
        }  # fmt: skip
        for part, nothing in empty.items():
            try:
                getattr(run, part)
            except Exception as error:  # noqa: BLE001 - whatever a broken file raises
                run.problems[part] = f"{type(error).__name__}: {error}"
                logger.warning("%s: %s", part, run.problems[part])
                setattr(run, part, nothing)
        for its in self.vectors.values():
            its.warm_up()

    def _open(self, part: str, into: dict, name: str, open_it: Callable, *arguments) -> None:
        try:
            into[name] = open_it(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a broken file makes a library raise
            self.run.problems[part] = f"{type(error).__name__}: {error}"
            logger.warning("%s: %s", part, self.run.problems[part])

    def _index(self, source: str):
        from exports.vector_index import PublishedIndex

        # Read once, whole: FAISS does not survive an index that was damaged in its place.
        return PublishedIndex.open(self.run.folder, source, verify=True)

    # ---------- who ----------

    def person(self, request: Request) -> Person:
        """Put together who asks."""
        run = self.run
        if request.user_id is not None:
            person = person_of(run, request.user_id, self.events.of(request.user_id))
            is_as_built = person.user_key is not None and not person.is_changed
            if self.user_features is not None and is_as_built:
                stored = self.user_features(run, request.user_id)
                if stored is not None:
                    person = told(run, person, stored)
        else:
            person = nobody(run)
            liked = [self._like(item_id) for item_id in request.likes]
            person = after(run, person, [event for event in liked if event is not None])
            if request.answers:
                person = replace(person, answers=list(request.answers))
        if request.context in run.item_keys:
            person = after(run, person, [self._like(request.context)])
        return person

    def _person_or_stranger(self, request: Request) -> tuple[Person, list[str]]:
        """Put together who asks; where that cannot be read, whose list it is, and what is amiss."""
        try:
            return self.person(request), []
        except Exception as error:  # noqa: BLE001 - an answer is owed whatever broke
            logger.exception("what is known of a person cannot be read")
            user_key = self.run.user_keys.get(request.user_id)
            return stranger(request.user_id, user_key), [f"person: {type(error).__name__}"]

    def _like(self, item_id: str) -> Event | None:
        """An event that counts as a like, whatever likes are called here."""
        parameters = self.run.parameters
        liking = {kind: w for kind, w in parameters["event_weights"].items() if w > 0}
        if not liking:
            return None
        kind = max(sorted(liking), key=liking.get)
        value = parameters["positive_thresholds"].get(kind)
        return Event("", item_id, kind, value, parameters["cutoff_at"] or 0.0)

    # ---------- the first stage ----------

    def candidates(self, person: Person) -> Candidates:
        """Find the person's candidates, up to ``ranked_k``.

        For whom nothing has happened since the build they are the build's. For others each source
        that can is asked anew: by neighbours, by what is popular, and by the nearest vectors to
        one made of all likes. What the build knew stands for the sources that cannot.
        """
        run = self.run
        kept = nightly_pool(run, person.user_key) if person.user_key is not None else None
        vectors = {source: its.of(person) for source, its in self.vectors.items()}
        vectors = {source: vector for source, vector in vectors.items() if vector is not None}
        if person.is_changed or kept is None:
            k = run.parameters["candidates_k"]
            lists = lists_without_vectors(run, person, k)
            if person.answers:
                lists["survey"] = survey_list(run, person, k)
            lists |= self.vector_lists(person, vectors, k)
            if kept is not None:
                kept = kept.only(~is_among(kept.items, person.met))
            pool = pooled(run, lists, kept)
        else:
            pool = kept
        return Candidates(
            pool,
            {
                source: (self.vectors[source].of_items(pool.items), vector)
                for source, vector in vectors.items()
            },
        )

    def vector_lists(self, person: Person, vectors: dict[str, np.ndarray], k: int) -> Lists:
        """Search each source's index with the person's vector."""
        lists: Lists = {}
        for source, vector in vectors.items():
            index = self.indexes.get(source)
            if index is None:
                continue
            n = k + min(len(person.met), MOST_MET)
            [items], [scores] = index.search(vector[None, :], n)
            is_kept = (items >= 0) & ~is_among(items, person.met)
            lists[source] = items[is_kept][:k], scores[is_kept][:k].astype(np.float64)
        return lists

    # ---------- the second stage ----------

    def ranked(self, person: Person, found: Candidates) -> tuple[np.ndarray, np.ndarray]:
        """Order the candidates, the best first, ties by item.

        Raises
        ------
        CannotServeError
            When the ranker that serves cannot be read.
        """
        run, pool = self.run, found.pool
        if run.parameters["ranker"] in (None, "blend"):
            scores = pool.scores
        elif person.answers and not len(person.likes) and "survey" not in run.parameters["sources"]:
            # A ranker that has seen no survey would pass over the only thing that is known.
            scores = fused(run, pool.ranks, run.parameters["blend_weights"])
        elif run.ranker is None:
            raise CannotServeError("the ranker cannot be read")
        else:
            features, categories = features_of(run, run.ranker, person, pool, found.vectors)
            scores = np.asarray(run.ranker.scores(features, categories), dtype=np.float64)
        order = np.lexsort((pool.items, -scores))
        return pool.items[order], scores[order]

    # ---------- steps ----------

    def recommend(self, request: Request) -> Answer:
        """Answer, by the first step that has something to serve.

        Raises
        ------
        CannotServeError
            When nothing at all may be shown: the run has no items, or all are excluded.
        UnknownCategoryError
            When no item has the category that was asked for.
        """
        run = self.run
        person, degraded = self._person_or_stranger(request)
        is_stranger = bool(degraded)
        # What a stranger has met since the build is known all the same.
        met = self.events.of(request.user_id) if is_stranger else []
        wishes = self._wishes(request, [event.item_id for event in met])
        for step in STEPS:
            try:
                places, reasons = getattr(self, f"_{step}")(person, wishes)
                items = [self._shown(rank, place, reasons) for rank, place in enumerate(places, 1)]
            except CannotServeError as nothing:
                degraded.append(f"{step}: {nothing}")
            except Exception as error:  # noqa: BLE001 - an answer is owed whatever broke
                logger.exception("step %s failed", step)
                degraded.append(f"{step}: {type(error).__name__}")
            else:
                if step == "pipeline":
                    degraded += [
                        part for part in run.problems if part.startswith(("index", "vectors"))
                    ]
                if step == "cold_start" and person.is_blank and not is_stranger:
                    # For whom nobody knows that list is the first choice: nothing is missing.
                    degraded = []
                return Answer(run.run_id, step, items, degraded)
        raise CannotServeError("; ".join(degraded))

    def _wishes(self, request: Request, met: list[str]) -> Wishes:
        run = self.run
        excluded = frozenset(
            run.item_keys[item_id]
            for item_id in (*request.exclude, *met)
            if item_id in run.item_keys
        )
        attribute = None
        if request.category is not None:
            attribute = run.attribute_numbers.get(("category", request.category))
            if attribute is None:
                raise UnknownCategoryError(f"there is no category {request.category!r}")
        return Wishes(request.k, excluded, attribute)

    def _pipeline(self, person: Person, wishes: Wishes) -> tuple[list[Place], Reasons]:
        if person.is_blank:
            raise CannotServeError("nothing is known of the person")
        found = self.candidates(person)
        if not len(found.pool.items):
            raise CannotServeError("no source proposes anything")
        items, scores = self.ranked(person, found)
        places = reranked(self.run, person, items, scores, wishes)
        return self._at_least_one(places), Reasons(self.run, person, places, found.pool)

    def _vectors(self, person: Person, wishes: Wishes) -> tuple[list[Place], Reasons]:
        if person.is_blank:
            raise CannotServeError("nothing is known of the person")
        for source, its in self.vectors.items():
            vector = its.of(person)
            if vector is None or source not in self.indexes:
                continue
            k = self.run.parameters["ranked_k"]
            items, scores = self.vector_lists(person, {source: vector}, k)[source]
            if len(items):
                places = reranked(self.run, person, items, scores, wishes)
                return self._at_least_one(places), Reasons(self.run, person, places, None, source)
        raise CannotServeError("there is no vector of the person, or no index")

    def _published(self, person: Person, wishes: Wishes) -> tuple[list[Place], Reasons]:
        run = self.run
        if run.lists is None or person.user_key is None:
            raise CannotServeError("no list is published for the person")
        items = run.lists.of(person.user_key, "item_key")
        scores = run.lists.of(person.user_key, "score")
        slots = published_words(run, person.user_key)
        places = [
            Place(int(item), float(score), said.slot)
            for item, score, said in zip(items, scores, slots.values(), strict=True)
        ]
        places = self._filled(person, places, wishes)
        return places, Reasons(run, person, places)

    def _cold_start(self, person: Person, wishes: Wishes) -> tuple[list[Place], Reasons]:
        run = self.run
        audiences = [*person.answers]
        if person.segment is not None:
            audiences.append(("segment", run.segments[person.segment][0]))
        audiences.append(("all", "all"))
        found = [run.cold_start[its] for its in audiences if its in run.cold_start]
        if not found:
            raise CannotServeError("no list for new people is published")
        reasons, places = {}, []
        # In turn from each audience, so that none fills the list alone.
        longest = max(len(rows) for rows in found[:-1] or found)
        for nth in range(longest):
            for rows in found[:-1] or found:
                if nth < len(rows) and rows[nth]["item_id"] in run.item_keys:
                    item = run.item_keys[rows[nth]["item_id"]]
                    reasons.setdefault(item, rows[nth]["reason"])
                    places.append(Place(item, rows[nth]["score"], "cold_start"))
        places = self._filled(person, places, wishes)
        return places, Reasons(run, person, places, said=reasons)

    def _trending(self, person: Person, wishes: Wishes) -> tuple[list[Place], Reasons]:
        places = self._filled(person, [], wishes)
        return places, Reasons(self.run, person, places)

    def _filled(self, person: Person, places: list[Place], wishes: Wishes) -> list[Place]:
        """Keep what may be shown of a list, and fill it up with the trend."""
        run = self.run
        hidden = run.excluded | wishes.excluded | set(person.met.tolist())
        shows = may_show(run, wishes)
        fillers = (Place(item, 0.0, "cold_start") for item in run.fillers_with(wishes.attribute))
        shown: dict[int, Place] = {}
        for place in chain((its for its in places if shows(its.item)), fillers):
            if len(shown) >= wishes.k:
                break
            if place.item not in hidden:
                shown.setdefault(place.item, place)
        return self._at_least_one(list(shown.values()))

    @staticmethod
    def _at_least_one(places: list[Place]) -> list[Place]:
        if not places:
            raise CannotServeError("nothing is left that may be shown")
        return places

    def _shown(self, rank: int, place: Place, reasons: Reasons) -> dict:
        run = self.run
        said = reasons.of(place)
        return {
            "rank": rank,
            "item_id": run.item_ids[place.item],
            "title": run.titles[place.item],
            "score": place.score,
            "source": said.source,
            "slot": place.slot,
            "reason": said.reason,
            "reason_item_id": said.reason_item_id,
            "extra": run.extra_of(place.item),
        }

    # ---------- items, and why ----------

    def similar(self, item_id: str, k: int) -> list[dict]:
        """Give the items most like one, with their scores.

        Raises
        ------
        KeyError
            When there is no such item.
        """
        run = self.run
        key = run.item_keys[item_id]
        if run.similar_items is None:
            return []
        return [
            {
                "rank": rank,
                "item_id": run.item_ids[item],
                "title": run.titles[item],
                "score": score,
                "extra": run.extra_of(item),
            }
            for rank, (item, score) in enumerate(
                zip(
                    run.similar_items.of(key, "similar_item_key").tolist()[:k],
                    run.similar_items.of(key, "score").tolist()[:k],
                    strict=True,
                ),
                1,
            )
        ]

    def explain(self, request: Request, item_ids: list[str]) -> dict:
        """Say of some items, or of those that would be shown, why they stand where they do.

        Returns
        -------
        dict
            What is known of the person, and for each item: its place by each source and by the
            ranker, the features that moved its score most (SHAP), and the reason that is shown.
        """
        run = self.run
        answer = self.recommend(request)
        person, _ = self._person_or_stranger(request)
        shown = {item["item_id"]: item for item in answer.items}
        wanted = [run.item_keys[its] for its in (item_ids or list(shown)) if its in run.item_keys]
        explained = {
            "user_id": request.user_id,
            "run_id": run.run_id,
            "served_by": answer.served_by,
            "degraded": answer.degraded,
            "last_likes": [
                {"item_id": run.item_ids[item], "title": run.titles[item]}
                for item in person.likes[:10].tolist()
            ],
            "items": [],
        }
        pool, ranks, features = None, {}, {}
        if answer.served_by == "pipeline":
            found = self.candidates(person)
            pool = found.pool
            items, scores = self.ranked(person, found)
            ranks = {
                item: (rank, score)
                for rank, (item, score) in enumerate(
                    zip(items.tolist(), scores.tolist(), strict=True), 1
                )
            }
            features = self._contributions(person, found, wanted)
        places = {} if pool is None else {item: at for at, item in enumerate(pool.items.tolist())}
        for item in wanted:
            item_id = run.item_ids[item]
            rank, score = ranks.get(item, (None, None))
            explained["items"].append(
                {
                    "item_id": item_id,
                    "title": run.titles[item],
                    "rank": shown.get(item_id, {}).get("rank"),
                    "reason": shown.get(item_id, {}).get("reason"),
                    "slot": shown.get(item_id, {}).get("slot"),
                    "has_met": bool(is_among(np.array([item]), person.met)[0]),
                    "ranker": run.parameters["ranker"],
                    "rank_by_ranker": rank,
                    "score": score,
                    "sources": [
                        {
                            "source": source,
                            "rank": int(of_source[places[item]]),
                            "relative_score": _number(pool.relative[source][places[item]]),
                        }
                        for source, of_source in (pool.ranks.items() if pool else ())
                        if item in places and not np.isnan(of_source[places[item]])
                    ],
                    "features": features.get(item, []),
                }
            )
        return explained

    def _contributions(
        self, person: Person, found: Candidates, wanted: list[int], n: int = 10
    ) -> dict[int, list[dict]]:
        ranker = self.run.ranker
        if ranker is None or ranker.contributions is None:
            return {}
        rows = np.flatnonzero(np.isin(found.pool.items, wanted))
        if not len(rows):
            return {}
        features, categories = features_of(self.run, ranker, person, found.pool, found.vectors)
        shap = ranker.contributions(features[rows], categories[rows])
        names = ranker.columnar.numbers + ranker.columnar.categories
        explained = {}
        for row, contributions in zip(rows, shap, strict=True):
            most = np.argsort(-np.abs(contributions), kind="stable")[:n]
            explained[int(found.pool.items[row])] = [
                {
                    "feature": names[place],
                    "value": _number(features[row, place])
                    if place < features.shape[1]
                    else person.categories[names[place]],
                    "contribution": float(contributions[place]),
                }
                for place in most
                if contributions[place]
            ]
        return explained


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
