"""What rankers learn: on rows made up so that the right order is known, and on the default data."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from models_py.blocks import BlockReader
from models_py.lightgbm_ranker import LightGBMParameters, LightGBMRanker
from models_py.ranking import Columnar, RankingParameters, ranked_candidates, ranker_fits, ranks_of

DEFINITIONS = pa.table(
    {
        "feature": ["taste", "noise", "kind"],
        "type": ["numeric", "numeric", "category"],
        "monotone": [1, 0, 0],
    }
)
SMALL = {
    "lightgbm": {"max_trees": 20, "min_data_in_leaf": 5},
    "dlrm": {"epochs": 20, "learning_rate": 0.01, "batch_groups": 8},
}


def examples(n_users=60, n_items=20, seed=0) -> pa.Table:
    """Users like what is to their taste: the feature says it, but for a few items."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(1, n_users + 1), n_items)
    taste = rng.random(len(users))
    return pa.table(
        {
            "user_key": pa.array(users, pa.int32()),
            "item_key": pa.array(np.tile(np.arange(1, n_items + 1), n_users), pa.int32()),
            "part": pa.array(users % 4, pa.int32()),
            "is_positive": taste + 0.2 * rng.random(len(users)) > 0.9,
            "is_taught": rng.random(len(users)) < 0.8,
            "taste": pa.array(np.where(taste < 0.05, np.nan, taste), from_pandas=True),
            "noise": rng.random(len(users)),
            "kind": pa.array(rng.choice(["a", "b", None], len(users)).tolist(), pa.string()),
        }
    )


def fits(ranker: str, *earlier: pa.Table, **ranking) -> pa.Table:
    """What is learned for the fold g in the folds before it, whose examples are given."""
    read = {f"f{place}": rows for place, rows in enumerate(earlier)}
    return ranker_fits(
        ranker,
        SMALL[ranker],
        pa.table({"fold": ["g"] * len(read), "ranker_fold": list(read)}),
        lambda fold: [read[fold]],
        DEFINITIONS,
        RankingParameters(**{"min_users": 10, "parts": 4} | ranking),
    )


@pytest.mark.parametrize("ranker", SMALL)
def test_what_is_learned_in_one_fold_ranks_another(ranker):
    fitted = fits(ranker, examples())
    [row] = fitted.to_pylist()
    n_users = len({its["user_key"] for its in examples().to_pylist() if its["is_positive"]})
    assert (row["fold"], row["ranker"], row["n_users"]) == ("g", ranker, n_users)
    others = examples(seed=1)
    ranked = ranked_candidates(fitted, ["g", "h"], lambda fold: [others], DEFINITIONS).read_all()
    assert set(ranked["fold"].to_pylist()) == {"g"}
    # First places go to what is to the taste.
    first = {(row["user_key"], row["item_key"]) for row in ranked.to_pylist() if row["rank"] == 1}
    liked = {(row["user_key"], row["item_key"]) for row in others.to_pylist() if row["is_positive"]}
    assert len(first) == 60 and len(first & liked) > 50


@pytest.mark.parametrize("ranker", SMALL)
def test_two_fits_are_the_same(ranker):
    assert fits(ranker, examples()).equals(fits(ranker, examples()))


def test_whoever_is_held_out_has_taught_nothing(monkeypatch):
    """The labels of one part are turned around: the lists of its own users do not change."""
    # How many trees there are is decided over all parts; of one there is nothing to decide.
    monkeypatch.setitem(SMALL["lightgbm"], "max_trees", 1)
    rows = examples()
    labels = rows["is_positive"].to_numpy(zero_copy_only=False)
    turned = np.where(rows["part"].to_numpy() == 0, ~labels, labels)
    place = rows.column_names.index("is_positive")
    # What is taught stays the same, as who has nothing to find is left out.
    lists = [
        [
            its
            for its in fits("lightgbm", table).to_pylist()[0]["held_out"]
            if its["user_key"] % 4 == 0
        ]
        for table in (rows, rows.set_column(place, "is_positive", [turned]))
    ]
    assert lists[0] == lists[1]
    assert {its["user_key"] for its in lists[0]} == set(range(4, 61, 4))


def test_too_few_users_teach_nothing():
    assert len(fits("lightgbm", examples(), min_users=61)) == 0
    nobody = examples().slice(0, 0)
    assert len(fits("lightgbm", nobody)) == 0


def test_a_fit_learns_from_all_folds_before():
    """Users of two folds are held out of both at once, and counted once."""
    one, other = examples(), examples(n_users=80, seed=1)
    both = fits("lightgbm", one, other).to_pylist()[0]
    alone = [fits("lightgbm", its).to_pylist()[0] for its in (one, other)]
    for count in ("n_examples", "n_positives"):
        assert both[count] == sum(row[count] for row in alone)
    assert both["n_users"] == alone[1]["n_users"] < sum(row["n_users"] for row in alone)
    lists = {(its["ranker_fold"], its["user_key"]) for its in both["held_out"]}
    assert lists == {("f0", user) for user in range(1, 61)} | {
        ("f1", user) for user in range(1, 81)
    }


def test_importance_is_of_what_decides():
    [row] = fits("lightgbm", examples()).to_pylist()
    by_feature = {its["feature"]: its for its in row["importances"]}
    assert set(by_feature) == {"taste", "noise", "kind"}
    assert by_feature["taste"]["gain"] > 0.9
    assert by_feature["taste"]["shap"] > by_feature["noise"]["shap"]
    assert sum(its["gain"] for its in row["importances"]) == pytest.approx(1)


def test_monotone_features_speak_one_way():
    rng = np.random.default_rng(0)
    features = rng.random((600, 1)).astype(np.float32)
    # Those in the middle are liked: a score that may only rise cannot fall at the end.
    labels = np.abs(features[:, 0] - 0.5) < 0.2
    none = np.empty((600, 0), np.int32)
    groups = np.arange(600) // 20
    grid = np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    steps = {}
    for monotone in (True, False):
        parameters = LightGBMParameters(max_trees=20, min_data_in_leaf=5, monotone=monotone)
        ranker = LightGBMRanker(parameters, np.array([1])).fit(features, none, labels, groups)
        steps[monotone] = np.diff(ranker.scores(grid, None))
    assert (steps[True] >= 0).all() and (steps[False] < 0).any()


def test_a_ranker_that_is_read_back_scores_the_same():
    rows = examples()
    columnar = Columnar(DEFINITIONS)
    columnar.learn_categories(rows)
    features, categories = columnar.features(rows), columnar.category_ids(rows)
    labels = rows["is_positive"].to_numpy(zero_copy_only=False)
    ranker = LightGBMRanker(LightGBMParameters(max_trees=5, min_data_in_leaf=5))
    ranker.fit(features, categories, labels, rows["user_key"].to_numpy())
    again = LightGBMRanker.from_text(ranker.to_text())
    assert (again.scores(features, categories) == ranker.scores(features, categories)).all()


def test_categories_that_were_not_taught_are_unknown():
    columnar = Columnar(DEFINITIONS, {"kind": ["a", "b"]})
    table = pa.table({"taste": [0.5, None, 1.0], "noise": [1, 2, 3], "kind": ["b", "c", None]})
    features, categories = columnar.features(table), columnar.category_ids(table)
    # Columns stand in the order of their names: noise, taste.
    assert features[:, 0].tolist() == [1, 2, 3] and np.isnan(features[1, 1])
    assert categories.tolist() == [[1], [-1], [-1]]


@pytest.mark.parametrize(
    "refused",
    [{"num_leaves": 1}, {"max_trees": 0}, {"learning_rate": 0.0}, {"feature_fraction": 1.5}],
)
def test_parameters_that_cannot_be_fitted_are_refused(refused):
    with pytest.raises(ValueError, match="LightGBM needs"):
        LightGBMParameters(**refused)


def test_ties_go_to_the_lower_item():
    ranks = ranks_of(np.array([2, 1, 1, 2]), np.array([7, 9, 3, 5]), np.array([0.1, 0.4, 0.4, 0.2]))
    assert ranks.tolist() == [2, 2, 1, 1]


def test_blocks_are_all_the_users_once():
    with duckdb.connect() as session:
        session.execute(
            "create view v as select 'f' as fold, user_key, 1 as item_key from range(7) as u"
            " (user_key) where user_key between getvariable('first_user') and"
            " getvariable('last_user')"
        )
        fold_users = pa.table({"fold": ["f"] * 7, "user_key": list(range(7))})
        reader = BlockReader(session, session.query("select * from v"), fold_users, 3)
        blocks = [block["user_key"].to_pylist() for block in reader.blocks("f")]
    assert blocks == [[0, 1, 2], [3, 4, 5], [6]]


# ---------- the default data ----------


def test_the_best_on_users_held_out_serves(built):
    chosen = dict(
        built.rows(
            "select fold, arg_max(ranker, ndcg) from ranking.ranker_choice"
            " where ndcg is not null group by fold"
        )
    )
    assert set(chosen) == {"holdout", "live"}
    served = built.rows("select distinct fold, ranker from ranking.served_candidates")
    assert sorted(served) == sorted(chosen.items() | {("tune", "blend")})


def test_a_ranker_is_measured_where_it_has_learned_only(built):
    assert built.rows("select distinct fold from evaluation.metrics where model = 'lightgbm'") == [
        ("holdout",)
    ]


def test_features_are_finite_or_missing(built):
    assert built.infinite_features("holdout") == []


def test_one_may_be_forced_to_serve(copy):
    result = copy.dbt(
        "run", "--select", "ranker_choice", "served_candidates", served_ranker="blend"
    )
    assert result.returncode == 0, result.stdout
    assert copy.rows("select distinct ranker from ranking.ranker_choice where is_served") == [
        ("blend",)
    ]


def test_dlrm_may_serve(warehouse, small_data):
    """Off by default: here it learns beside the others, and is forced to serve."""
    warehouse.build(
        "--exclude-resource-types",
        "unit_test",
        **small_data(),
        rankers=["blend", "lightgbm", "dlrm"],
        served_ranker="dlrm",
        ranker_min_users=2,
        dlrm_epochs=2,
    )
    assert warehouse.rows(
        "select distinct fold, ranker from ranking.served_candidates order by fold"
    ) == [("holdout", "dlrm"), ("live", "dlrm"), ("tune", "blend")]
    assert warehouse.rows(
        "select distinct model from evaluation.metrics where fold = 'holdout' and model = 'dlrm'"
    )
