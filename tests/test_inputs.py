"""What comes in: nothing is lost, and what cannot be built says so in plain words."""

import pytest
from conftest import MOVIES, RATINGS, good_movies, good_ratings

INPUTS = ("build", "--selector", "inputs", "--exclude-resource-types", "unit_test")


def refused(result, *words):
    """dbt failed, with these words and without a stack trace."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    for word in words:
        assert word in result.stdout, result.stdout


def test_contradictory_vars_are_all_named_at_once(warehouse):
    result = warehouse.dbt(
        "build",
        dataset="ml-2m",
        trending_half_life_days=-3,
        tune_cutoff=0.9,
        holdout_cutoff=0.8,
        sources=["popular", "oracle"],
        content_kind_weights={"title": -1},
        content_encoder=7,
        recommendations_k=600,
        metric_ks=[5, 600],
        folds=["yesterday"],
        earlier_folds="two",
        comparison_ks=["ten"],
        gap_metrics=["novelty"],
        quality_gates=[{"metric": "ndcg", "k": 10}],
        experiments={"a": {"shares": {"only": 1}}},
        replayed_experiment={"control": "pop", "treatment": "final", "k": 0},
        als_factor=32,
    )
    refused(
        result,
        'dataset: "ml-2m" is unknown',
        "trending_half_life_days: must be above 0, is -3",
        "tune_cutoff (t1): 0.9 must be earlier than holdout_cutoff (t2): 0.8",
        'sources: "oracle" does not exist',
        "content_kind_weights: title must be a number of at least 0, is -1",
        "content_encoder: must be a text or null, is 7",
        "recommendations_k: 600 is over ranked_k",
        "metric_ks: asks for the first 600 of a source, but candidates_k gives only 500",
        "earlier_folds: must be a whole number from 0, is two",
        "comparison_ks: must be a list of whole numbers, is ['ten']",
        'gap_metrics: "novelty" does not exist; choose from recall, ',
        "needs one of minimum, maximum and maximal_drop",
        "experiments: a: shares must be of two variants or more",
        'replayed_experiment: the control "pop" is no list; choose from popular, ',
        "replayed_experiment: k must be a whole number above 0, is 0",
        "als_factor: there is no such var",
    )
    assert not warehouse.database.exists()


def test_earlier_folds_are_after_the_first_event(warehouse):
    result = warehouse.dbt("build", earlier_folds=8, folds=["yesterday"])
    refused(
        result,
        "earlier_folds: 8 folds as far apart as tune_cutoff and holdout_cutoff (0.1) would begin",
        'folds: "yesterday" does not exist; choose from earlier_8, ',
        "tune, holdout, live",
    )
    result = warehouse.dbt("build", earlier_folds=1, tune_cutoff="1998-03-01")
    refused(result, "earlier_folds: needs tune_cutoff and holdout_cutoff to be both shares")


def test_missing_file_names_the_command_that_gets_it(warehouse, tmp_path):
    result = warehouse.dbt("build", dataset="ml-25m", data_dir=str(tmp_path))
    refused(result, f"{tmp_path}/ml-25m/ratings.csv is missing; `make data DATASET=ml-25m` gets it")


def test_missing_column_is_named_with_its_table(warehouse, small_data):
    ratings = ["userId,movieId,stars,timestamp", *good_ratings()]
    refused(
        warehouse.dbt(*INPUTS, **small_data(ratings)), "movielens_csv.ratings", "no column rating"
    )


@pytest.mark.parametrize("lines", [[RATINGS], []], ids=["header only", "no byte"])
def test_empty_events_are_a_clear_error(lines, warehouse, small_data):
    result = warehouse.dbt(*INPUTS, **small_data(lines))
    refused(result, "ratings.csv")


def test_refused_rows_are_kept_with_their_reason(warehouse, small_data):
    bad = {
        ",1,4.0,1000000000": "user_id is missing",
        "1,,4.0,1000000000": "item_id is missing",
        f"{'9' * 300},1,4.0,1000000000": "user_id is malformed",
        "1,2,four,1000000000": "value is not a number",
        "1,2,,1000000000": "value is missing",
        "1,2,11.0,1000000000": "value is out of range",
        "1,2,4.0,": "time is missing",
        "1,2,4.0,yesterday": "time is not a time",
        "1,2,4.0,9000000000": "time is in the future",
        good_ratings()[0]: "duplicate of an earlier row",
    }
    ratings = [RATINGS, *good_ratings(), *bad]
    result = warehouse.dbt(*INPUTS, **small_data(ratings), rejected_share_limit=0.5)
    assert result.returncode == 0, result.stdout
    assert "1 × time is in the future" in result.stdout
    assert f"WARN {len(bad)} rejected_rows" in result.stdout
    kept = warehouse.rows(
        "select source_row, reason from inputs.rejected_interactions order by source_row"
    )
    first = len(good_ratings()) + 1
    assert kept == list(enumerate(bad.values(), start=first))
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(good_ratings()),)]


def test_too_many_refused_rows_fail_the_build(warehouse, small_data):
    ratings = [RATINGS, *good_ratings(), *["1,2,99,1000000000"] * 10]
    result = warehouse.dbt("build", **small_data(ratings))
    refused(result, "rejected_share_is_within_limit", "10 × value is out of range")
    # What was refused is there to be looked at, and nothing was built on what was left.
    assert warehouse.rows("select count(*) from inputs.rejected_interactions") == [(10,)]
    assert warehouse.rows(
        "select count(*) from information_schema.tables where table_schema = 'recommendations'"
    ) == [(0,)]


@pytest.mark.parametrize(("days", "warns"), [(30, True), (60, False)])
def test_events_that_are_too_old_are_warned_of(days, warns, warehouse, small_data):
    # The last of them is of 2001-11-08.
    result = warehouse.dbt(
        *INPUTS, **small_data(), as_of="2001-12-15", freshness_warn_after_days=days
    )
    assert result.returncode == 0, result.stdout
    assert ("WARN 1 events_are_fresh" in result.stdout) == warns


def test_the_row_number_is_the_line_of_the_file(small_data, warehouse):
    ratings = [RATINGS, *good_ratings()]
    assert warehouse.dbt(*INPUTS, **small_data(ratings)).returncode == 0
    rows = warehouse.rows(
        "select source_row, user_id, item_id from inputs.interactions"
        " inner join inputs.users using (user_key) inner join inputs.items using (item_key)"
    )
    assert len(rows) == len(good_ratings())
    for row, user, item in rows:
        assert ratings[row].split(",")[:2] == [user, item]


def test_titles_with_quotes_and_commas(warehouse, small_data):
    movies = [MOVIES, *good_movies()[1:], '1,"Crime, ""Punishment"" (1999)",Drama']
    result = warehouse.dbt(*INPUTS, **small_data(movies=movies))
    assert result.returncode == 0
    # Said once, where it is so.
    line = (
        "Without experiment_assignments and impressions there is no experiment to tell of: in its"
    )
    assert result.stdout.count(f"{line} place final against popular is replayed") == 1
    assert warehouse.rows("select title from inputs.items where item_id = '1'") == [
        ('Crime, "Punishment" (1999)',)
    ]


@pytest.mark.parametrize(
    "variables",
    [
        {"splits": ["leave_one_out"], "sources": ["popular", "transitions"]},
        {"splits": ["time", "leave_one_out"], "cooccurrence_normalization": "lift"},
    ],
    ids=lambda variables: ",".join(variables),
)
def test_a_small_catalogue_builds_to_the_end(variables, warehouse, small_data):
    """Ten people and twelve films: fewer than any k, and people who have met almost all."""
    warehouse.build("--exclude-resource-types", "unit_test", **small_data(), **variables)
    [(n_lists,)] = warehouse.rows(
        "select count(distinct user_id) from recommendations.recommendations where fold = 'live'"
    )
    assert n_lists == 10
