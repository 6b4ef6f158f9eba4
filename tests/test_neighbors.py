"""The item-to-item sources in SQL against naive references, on the default data."""

from collections import Counter, defaultdict

import pytest

FOLD = "holdout"


@pytest.fixture(scope="module")
def histories(built):
    """User → the items that they like, oldest first."""
    likes = defaultdict(list)
    for user, item in built.rows(
        "select user_key, item_key from folds.user_items where fold = $1 and is_positive"
        " order by user_key, recency_rank desc",
        [FOLD],
    ):
        likes[user].append(item)
    return dict(likes)


@pytest.fixture(scope="module")
def popularity(histories):
    return Counter(item for items in histories.values() for item in items)


def compare(built, table, expected, n_kept):
    """The table has, of each item, the n_kept neighbours that score highest, with these scores."""
    found = defaultdict(dict)
    for item, neighbor, score in built.rows(
        f"select item_key, neighbor_item_key, score from candidates.{table} where fold = $1",
        [FOLD],
    ):
        found[item][neighbor] = score
    assert found.keys() == expected.keys()
    for item, neighbors in found.items():
        assert len(neighbors) == min(n_kept, len(expected[item]))
        assert neighbors == pytest.approx(
            {neighbor: expected[item][neighbor] for neighbor in neighbors}, rel=1e-6, abs=1e-9
        )
        others = [expected[item][n] for n in expected[item].keys() - neighbors.keys()]
        assert max(others, default=0.0) <= min(neighbors.values()) + 1e-9


def test_transitions(built, histories, popularity):
    expected = defaultdict(lambda: defaultdict(float))
    for items in histories.values():
        for place, item in enumerate(items):
            for gap, later in enumerate(items[place + 1 : place + 11], 1):
                expected[item][later] += (
                    1 / gap / popularity[item] ** 0.6 / popularity[later] ** 0.25
                )
    compare(built, "item_transitions", expected, 400)


def test_rp3beta(built, histories, popularity):
    expected = defaultdict(lambda: defaultdict(float))
    for items in histories.values():
        for item in items:
            for other in items:
                if other != item:
                    step = 1 / popularity[item] / len(items)
                    expected[item][other] += step / popularity[other] ** 0.1
    compare(built, "rp3beta_neighbors", expected, 400)


def test_cooccurrence(built, histories, popularity):
    """Cosine with shrinkage of how often two are liked within 100 likes of each other."""
    counts = defaultdict(Counter)
    for items in histories.values():
        for place, item in enumerate(items):
            for later in items[place + 1 : place + 101]:
                counts[item][later] += 1
                counts[later][item] += 1
    expected = {
        item: {
            other: count / ((popularity[item] * popularity[other]) ** 0.5 + 50)
            for other, count in others.items()
        }
        for item, others in counts.items()
    }
    compare(built, "item_neighbors", expected, 200)


def test_blocks_of_items_change_nothing(copy):
    names = ("item_pairs", "item_neighbors", "item_transitions")
    before = {name: copy.hash_of(f"candidates.{name}") for name in names}
    result = copy.dbt("run", "--select", *names, pairs_per_block=20_000)
    assert result.returncode == 0, result.stdout
    assert {name: copy.hash_of(f"candidates.{name}") for name in names} == before
    assert (0, 0) not in before.values()
