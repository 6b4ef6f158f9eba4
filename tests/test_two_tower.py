"""Two towers: the loss against the full softmax, no look ahead, and what must hold for any data."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr

from models_py.histories import Histories, count_earlier, cut, hold_out_last
from models_py.towers import Encoder, draw_negatives, sampled_softmax_loss
from models_py.two_tower import (
    TwoTower,
    TwoTowerParameters,
    UserTower,
    Weights,
    two_tower_fits,
    two_tower_vectors,
)

SMALL = TwoTowerParameters(
    dimensions=8, hidden=8, history=6, batch_size=16, batch_negatives=4, uniform_negatives=4,
    epochs=2, blocks=1, heads=2,
)  # fmt: skip


class CatalogueOfSkewedPopularity:
    """Vectors of 500 items and 64 users, and samples in which few items are most of the draws."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.items = 0.6 * torch.randn(500, 8, generator=generator)
        self.users = torch.randn(64, 8, generator=generator)
        self.liked = torch.randint(500, (64,), generator=generator)
        self.popularity = 1.0 / torch.arange(1, 501) ** 1.2
        self.popularity /= self.popularity.sum()
        self.counts = 300 * self.popularity + 100 / 500

    def full_loss(self):
        return torch.nn.functional.cross_entropy(self.users @ self.items.T, self.liked).item()

    def mean_sampled_loss(self, log_counts):
        """Over many samples of 300 likes and 100 items of the whole catalogue."""
        generator = torch.Generator().manual_seed(1)
        losses = []
        for _ in range(50):
            likes = torch.multinomial(self.popularity, 300, replacement=True, generator=generator)
            sample = torch.cat([likes, torch.randint(500, (100,), generator=generator)])
            loss = sampled_softmax_loss(
                self.users,
                self.items[self.liked],
                self.items[sample],
                self.liked,
                sample,
                log_counts[sample],
            )
            losses.append(loss.item())
        return np.mean(losses)


def test_loss_estimates_the_full_softmax():
    catalogue = CatalogueOfSkewedPopularity()
    log_counts = catalogue.counts.log()
    full = catalogue.full_loss()
    assert catalogue.mean_sampled_loss(log_counts) == pytest.approx(full, abs=0.05)
    # What a correction that is missing, or of the wrong sign, makes of it.
    assert abs(catalogue.mean_sampled_loss(torch.zeros(500)) - full) > 0.2
    assert abs(catalogue.mean_sampled_loss(-log_counts) - full) > 0.2


def test_loss_over_the_whole_catalogue_is_the_full_softmax():
    catalogue = CatalogueOfSkewedPopularity()
    loss = sampled_softmax_loss(
        catalogue.users,
        catalogue.items[catalogue.liked],
        catalogue.items,
        catalogue.liked,
        torch.arange(500),
        torch.zeros(500),
    )
    assert loss.item() == pytest.approx(catalogue.full_loss(), abs=1e-4)


def test_accidental_hits_do_not_count():
    """A candidate that is the positive changes nothing; one that is another item does."""
    items = torch.eye(4)
    users = torch.tensor([[1.0, 0.5, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0]])
    liked = torch.tensor([0, 1])

    def loss(rows, sample, is_own=None):
        sample = torch.tensor(sample)
        return sampled_softmax_loss(
            users[rows],
            items[liked[rows]],
            items[sample],
            liked[rows],
            sample,
            torch.full((len(sample),), 0.7),
            is_own,
        ).item()

    assert loss([0], [2, 3, 0, 0]) == pytest.approx(loss([0], [2, 3]), abs=1e-6)
    assert loss([1], [2, 3, 0, 0]) > loss([1], [2, 3]) + 0.01
    # Nor do a user's own likes, once they are said to be that.
    is_own = torch.tensor([[False, True]])
    assert loss([0], [2, 3], is_own) == pytest.approx(loss([0], [2]), abs=1e-6)


def test_negatives_are_drawn_as_often_as_they_are_said_to_be():
    random = np.random.default_rng(0)
    popularity = np.arange(1, 31) / np.arange(1, 31).sum()
    counts, said = np.zeros(30), np.zeros(30)
    for _ in range(2000):
        positives = random.choice(30, size=40, p=popularity)
        users = np.arange(40) + 100
        items, owners, log_counts = draw_negatives(positives, users, popularity, 12, 8, random)
        assert (owners[:12] >= 100).all() and (owners[12:] == -1).all()
        assert (positives[owners[:12] - 100] == items[:12]).all()
        counts += np.bincount(items, minlength=30)
        said[items] = np.exp(log_counts)
    assert counts / 2000 == pytest.approx(said, abs=0.05)


def test_a_small_catalogue_is_drawn_whole():
    items, owners, log_counts = draw_negatives(
        np.array([1]), np.array([0]), np.full(5, 0.2), 3, 2, np.random.default_rng(0)
    )
    assert items.tolist() == [0, 1, 2, 3, 4]
    assert set(owners) == {-1} and not log_counts.any()


histories_with_times = st.lists(st.lists(st.integers(0, 5), max_size=8).map(sorted), max_size=5)


@settings(max_examples=100, deadline=None)
@given(histories_with_times)
def test_earlier_actions_are_those_at_earlier_times(rows):
    histories = Histories(
        np.cumsum([0, *map(len, rows)]),
        np.zeros(sum(map(len, rows)), dtype=int),
        np.array([time for row in rows for time in row], dtype=int),
    )
    expected = [sum(earlier < time for earlier in row) for row in rows for time in row]
    assert count_earlier(histories).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=6),
    length=st.integers(1, 10),
    with_times=st.booleans(),
    seed=st.integers(0, 9),
)
def test_pieces_and_what_is_held_out_are_all_there_was(lengths, length, with_times, seed):
    actions = np.arange(sum(lengths))
    offsets = np.cumsum([0, *lengths])
    histories = Histories(offsets, actions, actions if with_times else None)
    pieces, users = cut(histories, length, np.random.default_rng(seed))
    assert pieces.items.tolist() == actions.tolist()
    assert users[pieces.users].tolist() == histories.users.tolist()
    assert all(0 < n <= length for n in pieces.lengths)
    # Nothing is cut that is short enough.
    assert (np.bincount(users, minlength=len(lengths))[histories.lengths <= length] <= 1).all()

    rest, some, held_out = hold_out_last(histories, 2, np.random.default_rng(seed))
    assert len(some) == min(2, sum(n >= 3 for n in lengths) // 2)
    assert sorted([*rest.items, *held_out]) == actions.tolist()
    assert (histories.users[held_out] == some).all()
    if with_times:
        assert (held_out == offsets[some + 1] - 1).all()


@pytest.mark.parametrize("encoder", ["mean", "attention"])
def test_a_user_is_read_up_to_the_target_and_not_beyond(encoder):
    """What is known before an action depends on all earlier actions and on no other."""
    torch.manual_seed(0)
    blocks = 1 if encoder == "attention" else 0
    reader = Encoder(dimensions=8, length=6, blocks=blocks, heads=2, dropout=0.2).eval()
    actions = torch.randn(1, 6, 8, requires_grad=True)
    n_earlier = count_earlier(
        Histories(np.array([0, 6]), np.arange(6), np.array([1, 2, 2, 3, 4, 4]))
    )
    known = reader.before(actions, torch.from_numpy(n_earlier)[None])
    for target, n in enumerate(n_earlier):
        (slopes,) = torch.autograd.grad(known[0, target].square().sum(), actions, retain_graph=True)
        depends_on = slopes[0].abs().sum(dim=1) > 0
        assert depends_on.tolist() == [True] * n + [False] * (6 - n)


def test_without_order_a_user_is_all_but_the_target():
    actions = torch.tensor([[[1.0], [2.0], [6.0]], [[5.0], [7.0], [9.0]]])
    is_there = torch.tensor([[True, True, True], [True, True, False]])
    known = Encoder(1, length=3, blocks=0, heads=1, dropout=0.0).without(actions, is_there)
    assert known[0].flatten().tolist() == [4.0, 3.5, 1.5]
    assert known[1].flatten().tolist()[:2] == [7.0, 5.0]


@pytest.mark.parametrize("encoder", ["mean", "attention"])
def test_a_fit_reads_users_up_to_the_target(encoder, monkeypatch):
    """What a fit hands to the encoder as earlier is what is earlier, cut or not."""
    seen = []
    before = Encoder.before

    def watched(self, actions, n_earlier):
        seen.append(n_earlier)
        return before(self, actions, n_earlier)

    monkeypatch.setattr(Encoder, "before", watched)
    likes = Histories(np.array([0, 8]), np.arange(8), np.array([1, 1, 2, 3, 3, 4, 5, 5]))
    parameters = replace(SMALL, encoder=encoder, validation_users=0, epochs=3)
    TwoTower(replace(parameters, history=8)).fit(likes, n_items=8)
    assert [n_earlier.tolist() for n_earlier in seen] == [[[0, 0, 2, 3, 3, 5, 6, 6]]] * 3
    seen.clear()
    TwoTower(replace(parameters, history=3)).fit(likes, n_items=8)
    for n_earlier in seen:
        assert (n_earlier <= torch.arange(n_earlier.shape[1])).all()


def test_attention_heeds_the_order():
    """After item i comes i + 1: attention finds the next one, a mean cannot."""
    random = np.random.default_rng(0)
    items = (random.integers(20, size=(200, 1)) + np.arange(8)) % 20
    likes = Histories(np.arange(0, 1601, 8), items.ravel(), np.tile(np.arange(8), 200))
    found = {}
    for encoder in ("mean", "attention"):
        parameters = TwoTowerParameters(
            dimensions=16, hidden=16, encoder=encoder, history=8, batch_size=200, epochs=40,
            blocks=1, dropout=0.0, learning_rate=1e-2, patience=40,
        )  # fmt: skip
        model = TwoTower(parameters).fit(likes, n_items=20)
        best = (model.user_vectors(likes) @ model.item_vectors().T).argmax(axis=1)
        found[encoder] = (best == (items[:, -1] + 1) % 20).mean()
    assert found["attention"] > 0.9
    assert found["mean"] < 0.7


def test_without_times_attention_is_the_mean():
    likes = Histories(np.array([0, 3, 6]), np.array([0, 1, 2, 0, 2, 3]))
    fits = [
        TwoTower(replace(SMALL, encoder=encoder)).fit(likes, n_items=4)
        for encoder in ("mean", "attention")
    ]
    assert [fit.encoder_ for fit in fits] == ["mean", "mean"]
    assert (fits[0].item_vectors() == fits[1].item_vectors()).all()


def test_the_popular_come_first_where_nothing_else_is_known():
    """Nobody's likes say anything of their others; the last item has content and no like."""
    random = np.random.default_rng(0)
    chances = 1 / np.arange(1, 41)
    rows = [
        random.choice(40, size=10, replace=False, p=chances / chances.sum()) for _ in range(200)
    ]
    likes = Histories(np.arange(0, 2001, 10), np.concatenate(rows))
    content = csr_matrix(([1.0, 1.0], ([39, 40], [0, 0])), shape=(41, 1), dtype=np.float32)
    model = TwoTower(replace(SMALL, epochs=5)).fit(likes, n_items=41, item_features=content)
    n_likes = np.bincount(likes.items, minlength=41)
    added = model.item_vectors()[:, -1]
    assert spearmanr(added[:40], n_likes[:40]).statistic > 0.99
    assert added[n_likes.argmax()] > 0 > added[n_likes[:40].argmin()]
    assert added[40] == 0
    scores = (model.user_vectors(likes) @ model.item_vectors().T).mean(axis=0)[:40]
    assert spearmanr(scores, n_likes[:40]).statistic > 0.9


def test_a_fit_repeats_and_leaves_torch_as_it_was():
    # Enough of them that threads would share the sums, and end on other bits.
    n_users, n_each, n_items = 200, 20, 300
    likes = Histories(
        np.arange(0, n_users * n_each + 1, n_each),
        np.random.default_rng(1).integers(n_items, size=n_users * n_each),
        np.tile(np.arange(n_each), n_users),
    )
    parameters = replace(
        SMALL, encoder="attention", learn_temperature=True, dimensions=64, batch_size=512
    )
    torch.manual_seed(1)
    state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    first = TwoTower(parameters).fit(likes, n_items)
    assert (torch.get_rng_state() == state).all()
    assert torch.get_num_threads() == n_threads
    assert not torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(2)
    torch.set_num_threads(n_threads + 1)
    try:
        second = TwoTower(parameters).fit(likes, n_items)
    finally:
        torch.set_num_threads(n_threads)
    assert (first.item_vectors() == second.item_vectors()).all()
    assert (first.user_vectors(likes) == second.user_vectors(likes)).all()


def fit_and_vectors(likes, users, items, item_attributes=(), user_attributes=(), parameters=SMALL):
    """The fit (None without likes), and vectors by (entity, key), of likes (user, item, time)."""
    likes, users, items = list(likes), list(users), list(items)
    n_later = [sum(a[0] == b[0] and b[1:] > a[1:] for b in likes) for a in likes]
    user_items = pa.table(
        {
            "fold": pa.array(["f"] * len(likes), pa.string()),
            "user_key": pa.array([like[0] for like in likes], pa.int32()),
            "item_key": pa.array([like[1] for like in likes], pa.int32()),
            "is_positive": pa.array([True] * len(likes), pa.bool_()),
            "weight": pa.array([1.0] * len(likes), pa.float64()),
            "recency_rank": pa.array([1 + n for n in n_later], pa.int32()),
            "last_interaction_at": pa.array([like[2] for like in likes], pa.timestamp("us")),
        }
    )

    def entities(name, keys):
        return pa.table(
            {"fold": pa.array(["f"] * len(keys), pa.string()), name: pa.array(keys, pa.int32())}
        )

    def attributes(name, rows):
        return pa.table(
            {
                name: pa.array([row[0] for row in rows], pa.int32()),
                "kind": pa.array(["genre"] * len(rows), pa.string()),
                "attribute": pa.array([row[1] for row in rows], pa.string()),
            }
        )

    of_items = attributes("item_key", item_attributes)
    read = {
        "user_items": user_items,
        "users": entities("user_key", users),
        "items": entities("item_key", items),
        "user_attributes": attributes("user_key", user_attributes),
    }
    fits = two_tower_fits(
        **read,
        item_attributes=of_items.append_column("weight", pa.array([1.0] * len(of_items))),
        parameters=parameters,
    )
    table = two_tower_vectors(fits, **read, dimensions=parameters.dimensions)
    assert table.schema.field("vector").type == pa.list_(pa.float32(), parameters.dimensions + 1)
    rows = table.to_pylist()
    assert {row["fold"] for row in rows} <= {"f"}
    [fit] = fits.to_pylist() or [None]
    return fit, {(row["entity"], row["key"]): np.array(row["vector"]) for row in rows}


def vectors(*arguments):
    return fit_and_vectors(*arguments)[1]


def likes_of(with_times):
    like = st.tuples(st.integers(1, 5), st.integers(1, 7))
    time = st.integers(0, 3) if with_times else st.none()
    return st.dictionaries(like, time, max_size=20).map(
        lambda likes: [(*pair, time) for pair, time in likes.items()]
    )


def with_shared(attributes, without):
    """Keys with an attribute that another key has too, of those that are in the fold."""
    there = [row for row in attributes if row[0] != without]
    return {key for key, name in there if sum(other == name for _, other in there) > 1}


@settings(max_examples=25, deadline=None)
@given(
    likes=st.booleans().flatmap(likes_of),
    encoder=st.sampled_from(["mean", "attention"]),
    item_attributes=st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from("ab")), unique=True, max_size=6
    ),
    user_attributes=st.lists(
        st.tuples(st.integers(1, 7), st.sampled_from("xy")), unique=True, max_size=4
    ),
    seed=st.randoms(use_true_random=False),
)
def test_vectors_are_of_all_that_is_known_in_any_order(
    likes, encoder, item_attributes, user_attributes, seed
):
    parameters = replace(SMALL, encoder=encoder, epochs=1, validation_users=0)
    arguments = [likes, range(1, 7), range(1, 9), item_attributes, user_attributes]
    fit, given_ = fit_and_vectors(*arguments, parameters)
    if not likes:
        assert (fit, given_) == (None, {})
        return
    items = {like[1] for like in likes} | with_shared(item_attributes, without=9)
    users = {like[0] for like in likes} | with_shared(user_attributes, without=7)
    expected = [("item", key) for key in sorted(items)] + [("user", key) for key in sorted(users)]
    assert list(given_) == expected
    for (entity, _), vector in given_.items():
        assert np.linalg.norm(vector[:-1]) == pytest.approx(1, abs=1e-5)
        assert entity == "item" or vector[-1] == 1
    again = vectors(*(seed.sample(list(rows), len(rows)) for rows in arguments), parameters)
    assert all((given_[key] == again[key]).all() for key in expected)

    # One at a time, from what was written down, it is the same.
    assert (fit["n_users"], fit["n_likes"]) == (len({like[0] for like in likes}), len(likes))
    assert (fit["n_items"], fit["n_epochs"]) == (len(items), 1)
    tower = UserTower.from_text(fit["artifact"])
    assert tower.item_keys.tolist() == sorted(items)
    assert (tower.item_vectors() == [given_["item", key] for key in sorted(items)]).all()
    for user in range(1, 7):
        met = sorted((time or 0, item) for its_user, item, time in likes if its_user == user)
        vector = tower.vector(
            np.array([item for _, item in met], dtype=int),
            [("genre", name) for its_user, name in user_attributes if its_user == user],
        )
        assert (vector is None) == (user not in users)
        if vector is not None:
            assert vector == pytest.approx(given_["user", user], abs=1e-6)


def test_a_fold_without_likes_and_tables_without_rows():
    assert vectors([], [1], [1], [(1, "a")], [(1, "x")]) == {}
    assert vectors([], [], []) == {}
    assert list(vectors([(1, 1, None)], [1], [1])) == [("item", 1), ("user", 1)]


def test_a_fit_without_likes_knows_nothing():
    nobody = Histories(np.array([0, 0]), np.array([], dtype=int))
    model = TwoTower(SMALL).fit(nobody, n_items=3)
    assert model.item_vectors().tolist() == [[0.0] * 9] * 3
    assert model.user_vectors(nobody).tolist() == [[0.0] * 9]


def test_of_too_many_users_it_takes_those_that_it_can_learn_from():
    """Twenty users with one like, and then five with two; the last of the twenty has features."""
    histories = Histories(np.append(np.arange(21), 20 + 2 * np.arange(1, 6)), np.arange(30) % 6)
    features = csr_matrix(([1.0], ([19], [0])), shape=(25, 1))
    fits = {
        (n, has_features): TwoTower(replace(SMALL, max_users=n)).fit(
            histories, 6, user_features=features if has_features else None
        )
        for n in (3, 10, 25)
        for has_features in (False, True)
    }
    assert {of: (model.n_users_, model.n_likes_) for of, model in fits.items() if of[0] > 3} == {
        (10, False): (5, 10),
        (10, True): (6, 11),
        (25, False): (25, 30),
        (25, True): (25, 30),
    }
    assert fits[3, False].n_likes_ == 6
    assert fits[3, True].n_users_ == 3


def test_new_items_and_new_users_are_placed_by_what_is_known_of_them():
    """Users of group x like items of genre a, others b; users and items 91 and 92 are new."""
    random = np.random.default_rng(0)
    likes = {
        (user, int(item)): int(time)
        for user in range(40)
        for time, item in enumerate(random.permutation(np.arange(user % 2, 30, 2))[:8])
    }
    found = vectors(
        [(*pair, time) for pair, time in likes.items()],
        [*range(40), 91, 92],
        [*range(30), 91, 92],
        [(item, "ab"[item % 2]) for item in range(30)] + [(91, "a"), (92, "b")],
        [(user, "xy"[user % 2]) for user in range(40)] + [(91, "x"), (92, "y")],
        replace(SMALL, batch_size=64, epochs=20, history=20, learning_rate=1e-2),
    )
    for fitting, other in ((91, 92), (92, 91)):
        for user in (fitting, *range(1 - fitting % 2, 40, 2)):
            scores = [found["user", user] @ found["item", item] for item in (fitting, other)]
            assert scores[0] > scores[1] + 0.1


def fitted(encoder):
    """A fit of 6 items and 20 users, with their likes and features; of item 5 nothing is known."""
    random = np.random.default_rng(0)
    items = np.concatenate([random.permutation(5)[:4] for _ in range(20)])
    likes = Histories(np.arange(0, 81, 4), items, np.tile(np.arange(4), 20))
    # Two kinds, the second with two attributes; half of the users have any.
    features = np.zeros((20, 3), dtype=np.float32)
    features[:10] = [1, 0.5, 0.5]
    features[:5] = [0, 1, 0]
    features = csr_matrix(features)
    model = TwoTower(replace(SMALL, encoder=encoder)).fit(likes, 6, user_features=features)
    return model, likes, features


NAMES = [("gender", "f"), ("town", "Bern"), ("town", "Chur")]


@pytest.mark.parametrize("encoder", ["mean", "attention"])
def test_what_a_fit_leaves_behind_comes_back_whole(encoder, tmp_path):
    model, likes, features = fitted(encoder)
    tower = model.user_tower(np.arange(6), NAMES)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    again = UserTower.from_text(tower.to_text())
    assert (torch.get_rng_state() == state).all()
    assert again.to_text() == tower.to_text()
    assert again.parameters == replace(SMALL, encoder=encoder)
    assert again.user_attributes == NAMES
    assert (again.n_epochs, again.data_fingerprint) == (model.n_epochs_, model.fingerprint_)
    assert again.item_keys.tolist() == [0, 1, 2, 3, 4]
    assert (again.item_vectors() == model.item_vectors()[:5]).all()
    assert (again.vectors(likes, features) == model.user_vectors(likes, features)).all()

    tower.save(tmp_path)
    manifest = json.loads((tmp_path / "usertower.json").read_text())
    assert manifest["versions"]["torch"] == torch.__version__
    (tmp_path / "usertower.json").write_text(json.dumps(manifest | {"model": "DLRM"}))
    with pytest.raises(ValueError, match="no UserTower"):
        UserTower.load(tmp_path)


@pytest.mark.parametrize("encoder", ["mean", "attention"])
def test_one_user_is_read_as_among_many(encoder):
    """Whatever else stands in the history, and by actions alone, attributes alone, or both."""
    model, likes, features = fitted(encoder)
    tower = model.user_tower(np.arange(6) * 10, NAMES)
    of_all = model.user_vectors(likes, features)
    of_features = model.user_vectors(Histories(np.zeros(21, int), np.zeros(0, int)), features)
    of_actions = model.user_vectors(likes)
    for user in range(20):
        # Key 50 is that of the item of which nothing is known, 7 and 60 are of none.
        keys = 10 * likes.items[likes.offsets[user] : likes.offsets[user + 1]]
        keys = np.concatenate([[7], keys[:2], [50, 60], keys[2:], [2**31 - 1]])
        names = [NAMES[column] for column in features[user].indices] + [("town", "Rom")]
        assert tower.vector(keys, names) == pytest.approx(of_all[user], abs=1e-6)
        assert tower.vector(keys) == pytest.approx(of_actions[user], abs=1e-6)
        if user < 10:
            alone = tower.vector(np.array([7, 50]), reversed(names))
            assert alone == pytest.approx(of_features[user], abs=1e-6)
        assert tower.vector(keys, names).dtype == np.float32
    assert tower.vector(np.array([], dtype=int)) is None
    assert tower.vector([7, 50, 60], [("town", "Rom"), ("gender", "Bern")]) is None
    # The last six are read, and of these the order counts for attention alone.
    keys = np.array([40, 0, 10, 20, 30, 0, 10])
    assert (tower.vector(keys) == tower.vector(keys[1:])).all()
    is_same = np.allclose(tower.vector(keys[1:]), tower.vector(keys[:0:-1]), atol=1e-6)
    assert is_same == (encoder == "mean")


def test_a_fit_that_knows_no_item_reads_features():
    nobody = Histories(np.array([0, 0, 0]), np.array([], dtype=int))
    features = csr_matrix(np.array([[1], [0]], dtype=np.float32))
    model = TwoTower(SMALL).fit(nobody, n_items=3, user_features=features)
    tower = UserTower.from_text(model.user_tower(np.arange(3), [("gender", "f")]).to_text())
    found = model.user_vectors(nobody, features)
    assert tower.vector(np.arange(3), [("gender", "f")]) == pytest.approx(found[0], abs=1e-6)
    assert np.linalg.norm(found[0, :-1]) == pytest.approx(1, abs=1e-5)
    assert not found[1].any() and tower.vector(np.arange(3)) is None


def test_a_fit_starts_from_what_an_earlier_one_learned():
    likes = Histories(np.array([0, 3, 6]), np.array([0, 1, 2, 1, 2, 3]))
    genres = csr_matrix(np.array([[1, 0], [0, 1], [1, 0], [0, 0.0]]))
    parameters = replace(SMALL, validation_users=0)
    before = TwoTower(parameters).fit(likes, 4, genres)
    weights = Weights(before.towers_.state_dict(), [["a", "b", "c", "d"], ["drama", "noir"], []])
    # What was "c" is the first item now, "b" is gone and "e" is new, as is a genre.
    places = np.array([2, 0, 3])
    start = Weights.from_text(weights.to_text()).rows_for(
        [["c", "a", "d", "e"], ["noir", "new", "drama"], []]
    )
    genres = csr_matrix(np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0.0]]))
    likes = Histories(np.array([0, 3, 6]), np.array([0, 1, 2, 0, 2, 3]))
    hardly = replace(parameters, learning_rate=1e-12, random_state=1)
    after = TwoTower(hardly).fit(likes, 4, genres, start=start)
    assert after.n_epochs_ == hardly.warm_epochs
    cosines = after.item_vectors()[:3, :-1] @ before.item_vectors()[places, :-1].T
    np.testing.assert_allclose(cosines.diagonal(), 1, atol=1e-5)
    cold = TwoTower(hardly).fit(likes, 4, genres)
    cosines = cold.item_vectors()[:3, :-1] @ before.item_vectors()[places, :-1].T
    assert (cosines.diagonal() < 0.99).all()
    assert after.item_vectors()[3].any()


def test_keys_and_names_are_those_of_the_fit():
    model, *_ = fitted("mean")
    for keys in (np.arange(5), np.array([1, 2, 3, 5, 4, 6]), np.zeros(6, dtype=int)):
        with pytest.raises(ValueError, match="ascending key for each of its 6 items"):
            model.user_tower(keys, NAMES)
    with pytest.raises(ValueError, match="3 attributes of users, got the names of 2"):
        model.user_tower(np.arange(6), NAMES[:2])


def test_the_fit_of_live_gives_the_vectors_that_were_built(built):
    """From the last likes and the attributes, as whoever serves a user reads them."""
    [(artifact,)] = built.rows("select artifact from candidates.two_tower_fits where fold = 'live'")
    tower = UserTower.from_text(artifact)
    users = built.rows(
        """
        select
            key,
            vector,
            (
                select list(
                    item_key
                    order by last_interaction_at, recency_rank desc, item_key
                )
                from folds.user_items
                where fold = 'live' and user_key = key and is_positive
            ),
            (
                select list((kind, attribute))
                from inputs.user_attributes
                where user_key = key
            )
        from candidates.vectors
        where fold = 'live' and source = 'two_tower' and entity = 'user'
        order by hash(key)
        limit 50
        """
    )
    assert len(users) == 50
    for user, vector, item_keys, attributes in users:
        found = tower.vector(np.array(item_keys or [], dtype=int), attributes)
        assert found == pytest.approx(vector, abs=1e-6), user


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder": "sum"}, {"dimensions": 0}, {"heads": 3}, {"hidden": 0}, {"history": 0},
        {"epochs": 0}, {"batch_negatives": -1}, {"uniform_negatives": 0}, {"temperature": 0.0},
        {"learning_rate": 0.0}, {"weight_decay": -1.0}, {"dropout": 1.0}, {"cold_share": -0.1},
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_fitted_are_refused(wrong):
    with pytest.raises(ValueError, match="TwoTower"):
        TwoTowerParameters(**wrong)
