"""DLRM: its forward pass once more in numpy, what it can learn, and what must hold for any rows."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import nDCG

from models_py.dlrm import (
    DLRM,
    DLRMParameters,
    listwise_loss,
    mean_ndcg,
)

SMALL = DLRMParameters(
    embedding_dimensions=4, bottom_hidden=(8,), top_hidden=(8,), batch_groups=4, epochs=3
)


def rows(n_groups=30, size=12, n_features=3, n_categories=2, seed=0):
    """Random rows with gaps in numbers and categories."""
    random = np.random.default_rng(seed)
    n = n_groups * size
    features = random.normal(size=(n, n_features)).astype(np.float32)
    features[random.random(features.shape) < 0.2] = np.nan
    categories = random.integers(-1, 9, size=(n, n_categories)).astype(np.int32)
    labels = random.random(n) < 0.2
    return features, categories, labels, np.repeat(np.arange(n_groups), size)


def naive_scores(model, features, categories):
    """The forward pass, row by row and pair by pair."""
    weights = {name: values.numpy() for name, values in model.network_.state_dict().items()}

    def layers(part, values):
        names = [name for name in weights if name.startswith(part) and name.endswith("weight")]
        for name in names:
            values = weights[name] @ values + weights[name.replace("weight", "bias")]
            values = values if name == names[-1] else np.maximum(0, values)
        return values

    found = []
    for numbers, ids in zip(features, categories, strict=True):
        is_missing = np.isnan(numbers)
        inputs = np.clip((numbers - weights["means"]) * weights["scales"], -5, 5)
        inputs = np.append(np.where(is_missing, 0, inputs), is_missing[weights["flagged"]])
        vectors = [layers("bottom", inputs)]
        for column, name in enumerate(ids):
            code = column * 2**32 + int(name)
            places = np.flatnonzero((weights["codes"] == code) & (name >= 0))
            vectors.append(weights["embeddings.weight"][places[0] + 1 if len(places) else 0])
        dots = [vectors[i] @ vectors[j] for i in range(len(vectors)) for j in range(i)]
        found.append(layers("top", np.append(vectors[0], dots))[0])
    return np.array(found)


@pytest.mark.parametrize("n_categories", [0, 1, 3])
def test_scores_are_those_of_the_paper(n_categories):
    features, categories, labels, groups = rows(n_categories=n_categories)
    model = DLRM(SMALL).fit(features, categories, labels, groups)
    # Ids that the fit has not seen, and numbers far off.
    features, categories, *_ = rows(n_categories=n_categories, seed=1)
    categories[::3] += 5
    features[::4] *= 100
    scores = model.scores(features, categories)
    assert scores.dtype == np.float32 and scores.std() > 0
    assert scores == pytest.approx(naive_scores(model, features, categories), abs=1e-4)


def test_it_learns_what_goes_together():
    """A taste likes one genre: neither taste nor genre alone says anything of a like."""
    random = np.random.default_rng(0)
    tastes = np.repeat(random.integers(6, size=300), 10)
    genres = random.integers(6, size=3000)
    categories = np.column_stack([tastes, genres]).astype(np.int32)
    noise = random.normal(size=(3000, 1)).astype(np.float32)
    labels, groups = tastes == genres, np.repeat(np.arange(300), 10)
    new = groups >= 200

    parameters = DLRMParameters(embedding_dimensions=8, epochs=40, learning_rate=1e-2, patience=40)
    model = DLRM(parameters).fit(noise, categories, labels, groups, held_out=new)
    assert mean_ndcg(model.scores(noise, categories)[new], labels[new], groups[new], 10) > 0.95

    # All that a linear model can be told: which taste, and which genre.
    inputs = np.column_stack([np.eye(6)[tastes], np.eye(6)[genres], noise])
    weights, *_ = np.linalg.lstsq(inputs[~new], labels[~new], rcond=None)
    assert mean_ndcg(inputs[new] @ weights, labels[new], groups[new], 10) < 0.7


def test_it_learns_from_numbers_and_from_where_they_are_missing():
    features, categories, _, groups = rows(n_groups=100, n_categories=0)
    labels = np.isnan(features[:, 0]) | (features[:, 1] > 1)
    parameters = replace(SMALL, epochs=30, learning_rate=1e-2, dropout=0.0)
    model = DLRM(parameters).fit(features, categories, labels, groups)
    assert mean_ndcg(model.scores(features, categories), labels, groups, 10) > 0.95


def test_scores_do_not_depend_on_other_rows():
    features, categories, labels, groups = rows()
    model = DLRM(SMALL).fit(features, categories, labels, groups)
    scores = model.scores(features, categories)
    order = np.random.default_rng(1).permutation(len(scores))
    again = model.scores(features[order], categories[order])
    assert again == pytest.approx(scores[order], abs=1e-6)
    assert model.scores(features[:1], categories[:1]) == pytest.approx(scores[:1], abs=1e-6)


def test_a_fit_repeats_and_leaves_torch_as_it_was():
    given_rows = rows()
    torch.manual_seed(1)
    state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    first = DLRM(SMALL).fit(*given_rows).scores(*given_rows[:2])
    assert (torch.get_rng_state() == state).all()
    assert torch.get_num_threads() == n_threads
    torch.manual_seed(2)
    torch.set_num_threads(n_threads + 1)
    try:
        second = DLRM(SMALL).fit(*given_rows).scores(*given_rows[:2])
    finally:
        torch.set_num_threads(n_threads)
    assert (first == second).all()
    other = DLRM(replace(SMALL, random_state=7)).fit(*given_rows).scores(*given_rows[:2])
    assert (first != other).any()


def test_what_is_held_out_is_not_learned_from():
    """Only what the validation says of a pass may come from it, and with one pass nothing does."""
    features, categories, labels, groups = rows()
    held_out = groups % 3 == 0
    parameters = replace(SMALL, epochs=1)
    model = DLRM(parameters).fit(features, categories, labels, groups, held_out)
    scores = model.scores(features, categories)
    changed = features.copy(), categories.copy(), labels.copy()
    changed[0][held_out], changed[1][held_out], changed[2][held_out] = 9.0, 8, True
    again = DLRM(parameters).fit(*changed, groups, held_out)
    assert (again.scores(features, categories) == scores).all()
    assert again.fingerprint_ != model.fingerprint_


def test_the_best_pass_is_kept():
    """What was learned is the opposite of what is held out: every pass is worse than the first."""
    features, categories, _, groups = rows(n_groups=60, n_categories=0)
    labels = features[:, 1] > 1
    held_out = groups >= 40
    features[held_out] *= -1
    parameters = replace(SMALL, epochs=20, patience=1, learning_rate=1e-2)
    model = DLRM(parameters).fit(features, categories, labels, groups, held_out)
    assert model.n_epochs_ < 5
    assert DLRM(parameters).fit(features, categories, labels, groups).n_epochs_ == 20


def test_a_saved_model_scores_the_same(tmp_path):
    features, categories, labels, groups = rows()
    model = DLRM(SMALL).fit(features, categories, labels, groups, groups < 5)
    model.save(tmp_path / "new" / "folder")
    again = DLRM.load(tmp_path / "new" / "folder")
    assert again.parameters == model.parameters
    assert (again.n_epochs_, again.fingerprint_) == (model.n_epochs_, model.fingerprint_)
    assert (again.scores(features, categories) == model.scores(features, categories)).all()
    manifest = json.loads((tmp_path / "new" / "folder" / "dlrm.json").read_text())
    assert manifest["versions"]["torch"] == torch.__version__

    again.save(tmp_path / "again")
    for name in ("dlrm.safetensors", "dlrm.json"):
        saved = [tmp_path / "new" / "folder" / name, tmp_path / "again" / name]
        assert saved[0].read_bytes() == saved[1].read_bytes()
    manifest["model"] = "other"
    (tmp_path / "again" / "dlrm.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="no DLRM"):
        DLRM.load(tmp_path / "again")
    with pytest.raises(FileNotFoundError):
        DLRM.load(tmp_path / "nothing")


@pytest.mark.parametrize("label", [True, False])
def test_groups_without_an_order_teach_nothing(label):
    features, categories, _, groups = rows()
    model = DLRM(SMALL).fit(features, categories, np.full(len(groups), label), groups)
    assert model.n_epochs_ == 0
    assert not model.scores(features, categories).any()


def test_no_rows():
    nothing = (np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    model = DLRM(SMALL).fit(*nothing)
    assert model.scores(*nothing[:2]).tolist() == []
    assert model.scores(np.ones((2, 3)), np.ones((2, 2))).tolist() == [0, 0]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), max_size=5),
    n_categories=st.integers(0, 2),
    values=st.sampled_from([[0.0], [np.nan], [0.1], [0.1, np.nan], [-3e38, 1e-30, 3e38]]),
    seed=st.integers(0, 99),
)
def test_any_rows_have_finite_scores(sizes, n_categories, values, seed):
    """Columns that are constant, missing, or as large as numbers get."""
    random = np.random.default_rng(seed)
    n = sum(sizes)
    features = random.choice(values, size=(n, 2)).astype(np.float32)
    categories = random.integers(-1, 3, size=(n, n_categories)).astype(np.int32)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels, held_out = random.random(n) < 0.5, (random.random(len(sizes)) < 0.3)[groups]
    model = DLRM(SMALL).fit(features, categories, labels, groups, held_out)
    assert np.isfinite(model.scores(features, categories)).all()


def test_loss_is_the_mean_over_groups_and_their_labels():
    scores = torch.tensor([1.0, 2.0, 0.5, 0.0, 0.0])
    labels = torch.tensor([True, False, True, False, True])
    is_there = torch.tensor([[True, True, True], [True, True, False]])
    shares = np.exp([1.0, 2.0, 0.5]) / np.exp([1.0, 2.0, 0.5]).sum()
    expected = (-np.log(shares[[0, 2]]).mean() + np.log(2)) / 2
    assert listwise_loss(scores, labels, is_there).item() == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 12))
def test_ndcg_is_that_of_ir_measures(seed, k):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 9, size=5)
    owners = np.repeat(np.arange(5), sizes)
    scores, labels = random.permutation(len(owners)) / 7, random.random(len(owners)) < 0.4
    judged = {str(owner): {} for owner in owners[labels]}
    ranked = {str(owner): {} for owner in owners[labels]}
    for row, owner in enumerate(map(str, owners)):
        if owner in judged:
            judged[owner][str(row)] = int(labels[row])
            ranked[owner][str(row)] = scores[row]
    expected = (nDCG @ k).calc_aggregate(judged, ranked) if judged else 0.0
    assert mean_ndcg(scores, labels, owners, k) == pytest.approx(expected)


def test_equal_scores_do_not_help():
    assert mean_ndcg(np.zeros(11), np.arange(11) == 0, np.zeros(11), k=10) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"embedding_dimensions": 0}, {"bottom_hidden": (8, 0)}, {"top_hidden": (0,)},
        {"dropout": 1.0}, {"unknown_share": -0.1}, {"learning_rate": 0.0}, {"weight_decay": -1.0},
        {"batch_groups": 0}, {"epochs": 0}, {"patience": -1},
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_fitted_are_refused(wrong):
    with pytest.raises(ValueError, match="DLRM"):
        DLRMParameters(**wrong)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f, c, y, g: (f[:-1], c, y, g), "as many rows"),
        (lambda f, c, y, g: (f[:, 0], c, y, g), "two tables"),
        (lambda f, c, y, g: (f[:, :0], c, y, g), "at least one feature"),
        (lambda f, c, y, g: (f / np.float32(0), c, y, g), "finite"),
        (lambda f, c, y, g: (f, c, y[:-1], g), "labels"),
        (lambda f, c, y, g: (f, c, y, g[:-1]), "groups"),
        (lambda f, c, y, g: (f, c, y, g % 2), "stand together"),
        (lambda f, c, y, g: (f, c, y, g, y[:-1]), "held_out"),
        (lambda f, c, y, g: (f, c, y, g, np.arange(len(y)) < 5), "whole groups"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_rows_that_cannot_be_learned_from_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DLRM(SMALL).fit(*change(*rows()))


def test_scores_need_the_columns_of_the_fit():
    features, categories, labels, groups = rows()
    model = DLRM(SMALL).fit(features, categories, labels, groups)
    with pytest.raises(ValueError, match="3 features and 2 categories, got 2 and 2"):
        model.scores(features[:, :2], categories)
