"""What people are shown, on the default data set."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
import yaml
from conftest import ROOT

LIVE = "recommendations.recommendations where fold = 'live'"
VARS = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
POPULARITY = ("popular", "trending", "popular_in_segment")


def test_everybody_gets_twenty(built):
    assert built.rows(
        f"select n, count(*) from (select count(*) as n from {LIVE} group by user_id) group by n"
    ) == [(20, 943)]


def test_people_without_history_get_twenty_too(built):
    lists = built.rows(
        "select count(*) from recommendations.recommendations where fold = 'holdout'"
        " group by user_id having bool_or(slot = 'cold_start')"
    )
    assert lists and set(lists) == {(20,)}


def test_reasons_name_what_the_user_really_liked(built):
    [(n_named, n_liked)] = built.rows(
        "select count(*), count(user_items.item_key)"
        " from recommendations.recommendations as shown"
        " inner join inputs.users on shown.user_id = users.user_id"
        " inner join inputs.items on shown.reason_item_id = items.item_id"
        " left join folds.user_items on shown.fold = user_items.fold"
        "  and users.user_key = user_items.user_key and items.item_key = user_items.item_key"
        "  and user_items.is_positive and contains(shown.reason, items.title)"
    )
    assert n_named == n_liked > 10_000


def test_every_reason_is_words(built):
    reasons = built.rows("select distinct reason from recommendations.recommendations")
    assert not [reason for (reason,) in reasons if not reason or "{" in reason]


@dataclass
class Fold:
    """What a fold knows, as plain Python, to work reasons out another way than SQL does."""

    cutoff: object
    likes: dict
    """User → liked items and when, the newest first."""
    segments: dict
    available: set
    neighbors: dict
    """Source → (liked item, item) → score."""
    terms: dict
    directions: dict
    """Source → item → vector, seen from the average like."""

    def tie(self, source, item, liked, age):
        """How much a like, with so many newer ones, ties an item to its user; 0: not at all."""
        decay = VARS.get(f"{source}_history_decay", 1.0)
        if age >= min(VARS.get(f"{source}_history") or 10**9, VARS["reason_history"]):
            return 0.0
        if source in self.neighbors:
            similarity = self.neighbors[source].get((liked, item), 0.0)
            return max(similarity, 0.0) * decay**age
        if source == "content":
            own, other = self.terms.get(item, {}), self.terms.get(liked, {})
            similarity = sum(own[term] * other[term] for term in own.keys() & other.keys())
        else:
            own, other = (self.directions[source][key] for key in (item, liked))
            similarity = own @ other / (np.linalg.norm(own) * np.linalg.norm(other))
        return similarity * decay**age if similarity >= VARS["reason_min_similarity"] else 0.0

    def ties(self, source, user, item):
        likes = enumerate(self.likes.get(user, []))
        ties = {liked: self.tie(source, item, liked, age) for age, (liked, _) in likes}
        return {liked: tie for liked, tie in ties.items() if tie > 0}

    def n_likes(self, users, half_life=None):
        """Item → likes of these users, those of long ago counting less where they are to."""
        counts = dict.fromkeys(self.available, 0.0)
        for user in users:
            for item, at in self.likes.get(user, []):
                age = (self.cutoff - at) / timedelta(days=1)
                if item in counts:
                    counts[item] += 0.5 ** (age / half_life) if half_life else 1
        return counts


def fold_of(built, fold) -> Fold:
    def rows(columns, table, where="true"):
        return built.rows(f"select {columns} from {table} where fold = $1 and {where}", [fold])

    likes = {}
    for user, item, at in rows(
        "user_key, item_key, last_interaction_at",
        "folds.user_items",
        "is_positive order by recency_rank",
    ):
        likes.setdefault(user, []).append((item, at))
    neighbors = {
        source: {
            (liked, item): score
            for liked, item, score in rows("item_key, neighbor_item_key, score", table)
        }
        for source, table in {
            "cooccurrence": "candidates.item_neighbors",
            "ease": "candidates.item_neighbors",
            "transitions": "candidates.item_transitions",
            "rp3beta": "candidates.item_neighbors",
        }.items()
    }
    terms = {}
    for item, term, weight in built.rows("select item_key, term, weight from features.item_terms"):
        terms.setdefault(item, {})[term] = weight
    available = {item for (item,) in rows("item_key", "folds.fold_items")}
    liked = [item for of_user in likes.values() for item, _ in of_user if item in available]
    directions = {}
    for source, drop in {"als": 0, "two_tower": 1}.items():
        vectors = {
            item: np.array(vector)[: len(vector) - drop]
            for item, vector in rows(
                "key, vector", f"candidates.{source}_vectors", "entity = 'item'"
            )
        }
        average = np.mean([vectors[item] for item in liked], axis=0)
        directions[source] = {item: vector - average for item, vector in vectors.items()}
    [(cutoff,)] = rows("cutoff_at", "folds.folds")
    segments = dict(rows("user_key, segment", "features.user_features"))
    return Fold(cutoff, likes, segments, available, neighbors, terms, directions)


def first(counts, n):
    """The items of the n highest counts above 0, with all that tie with the last."""
    last = sorted(counts.values())[-n]
    return {item for item, count in counts.items() if count >= last and count > 0}


@pytest.mark.parametrize("name", ["live", "holdout"])
def test_reasons_hold_when_worked_out_another_way(built, name):
    fold = fold_of(built, name)
    trending = first(
        fold.n_likes(fold.likes, VARS["trending_half_life_days"]), VARS["reason_top_items"]
    )
    popularity = fold.n_likes(fold.likes)
    popular = first(popularity, VARS["reason_top_items"])
    templates = {source: texts for source, *texts in built.rows("from seeds.reason_templates")}
    of_segment = {
        segment: fold.n_likes([user for user, other in fold.segments.items() if other == segment])
        for segment in set(fold.segments.values())
    }
    proposals = {}
    for user, item, source, rank in built.rows(
        "select user_key, item_key, source, rank from candidates.candidates"
        " where fold = $1 and user_key % 13 = 0",
        [name],
    ):
        proposals.setdefault((user, item), []).append((rank, source))
    shown = built.rows(
        "select users.user_key, items.item_key, shown.source, reasons.evidence, shown.reason,"
        " liked.item_key, liked.title, user_features.segment_label"
        " from recommendations.recommendations as shown"
        " inner join inputs.users using (user_id)"
        " inner join inputs.items using (item_id)"
        " inner join recommendations.list_reasons as reasons using (fold, user_key, item_key)"
        " inner join features.user_features using (fold, user_key)"
        " left join inputs.items as liked on shown.reason_item_id = liked.item_id"
        # What is tried has a reason of its own: that little is known of it.
        " where shown.fold = $1 and users.user_key % 13 = 0 and shown.slot <> 'explore'",
        [name],
    )
    claims = set()
    for user, item, source, evidence, reason, named, title, label in shown:
        where = f"{reason!r} of item {item} for user {user}"
        template, without_item = templates[evidence]
        words = template if named or "{item}" not in template else without_item
        assert reason == words.replace("{item}", title or "").replace("{segment}", label or "")
        # The source that speaks: of the first that could know of a tie, one that does.
        asked = sorted(
            (rank, other)
            for rank, other in proposals.get((user, item), [])
            if other not in POPULARITY and rank <= VARS["reason_max_rank"]
        )[: VARS["reason_sources"]]
        tying = [other for _, other in asked if fold.ties(other, user, item)]
        if tying:
            claims.add("like")
            ties = fold.ties(tying[0], user, item)
            assert source == evidence == tying[0], where
            assert ties[named] >= VARS["reason_min_strength"] * max(ties.values()) - 1e-5, where
            continue
        assert named is None, where
        claims.add(evidence)
        if evidence == "trending":
            assert item in trending, where
        elif evidence == "popular":
            assert item in popular, where
        elif evidence == "popular_in_segment":
            own, everybody = of_segment[fold.segments[user]], popularity
            assert own[item] / sum(own.values()) > everybody[item] / sum(everybody.values()), where
        else:
            assert item not in trending | popular, where
            assert evidence in ("new_to_user", source), where
    assert claims >= ({"like"} if name == "live" else {"like", "trending", "popular_in_segment"})
    assert len(shown) > 200


def test_no_list_names_one_like_all_over(built):
    """By the strongest tie alone, the median list would name one like for five of its items."""
    [(median,)] = built.rows(
        "select median(n) from (select max(n) as n from (select user_id, count(*) as n"
        f" from {LIVE} and reason_item_id is not null group by user_id, reason_item_id)"
        " group by user_id)"
    )
    assert median <= 3


def test_similar_items_are_others(built):
    assert built.rows(
        "select count(*) from recommendations.similar_items where item_id = similar_item_id"
    ) == [(0,)]
