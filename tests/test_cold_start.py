"""People and answers that come before any history, on a small shop."""

import re

import pytest
import yaml
from conftest import Warehouse

GENRES = ["Drama", "Comedy", "Horror"]
# Thirty films in threes of genres, and one genre that only one new film has.
ITEMS = ["id,title,genres", *(f"f{n:02},Film {n:02},{GENRES[n % 3]}" for n in range(30))]
ITEMS += ["f30,Film 30,Western"]
# Forty people rate eight films a day after the other, most of one genre; then newcomers come.
EVENTS = [
    "user,item,rating,at",
    *(
        f"u{user:02},f{(user % 3 + 3 * ((user + nth) % 10) + (nth == 7)) % 30:02},"
        f"{5 if nth % 4 else 2},2025-{1 + nth:02}-{1 + user % 28:02}"
        for user in range(40)
        for nth in range(8)
    ),
    "late,f02,5,2025-08-20",
    "early,f05,5,2025-08-20",
]
# The holdout begins with August.
SURVEY = [
    "person,kind,answer,liked,at",
    "asked,category,Horror,true,2025-07-01",
    "asked,category,Drama,false,2025-07-01",
    "chooser,item,f04,true,2025-09-01",
    "settler,category,Western,true,2025-09-01",
    "early,category,Horror,true,2025-07-31",
    "late,category,Horror,true,2025-08-01",
    "lost,category,Polka,true,2025-07-01",
    "lost,item,f99,true,2025-07-01",
    # Of people with a history answers count no more.
    "u00,category,Horror,true,2025-07-01",
]


def survey_vars(folder) -> dict:
    for name, lines in {"events": EVENTS, "items": ITEMS, "survey": SURVEY}.items():
        (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
    items = {"file": f"{folder}/items.csv"}
    return {
        "dataset": "custom",
        "sources": ["popular", "trending", "popular_in_segment", "survey"],
        "tune_cutoff": "2025-07-01",
        "holdout_cutoff": "2025-08-01",
        "survey_until_likes": 3,
        "recommendations_k": 5,
        "cold_start_min_items": 5,
        "custom": {
            "interactions": {
                "file": f"{folder}/events.csv",
                "columns": {
                    "user_id": "user",
                    "item_id": "item",
                    "value": "rating",
                    "occurred_at": "at",
                },
                "constants": {"event_type": "rating"},
            },
            "items": {**items, "columns": {"item_id": "id", "title": "title"}},
            "item_attributes": {
                **items,
                "columns": {"item_id": "id"},
                "kinds": {"category": "genres"},
            },
            "survey_answers": {
                "file": f"{folder}/survey.csv",
                "columns": {
                    "user_id": "person",
                    "kind": "kind",
                    "answer": "answer",
                    "is_liked": "liked",
                    "answered_at": "at",
                },
            },
        },
    }


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The shop, built with its tests; what dbt said is in `said`."""
    warehouse = Warehouse(tmp_path_factory.mktemp("asked"))
    variables = survey_vars(warehouse.folder)
    result = warehouse.dbt("build", **variables)
    assert result.returncode == 0, result.stdout
    warehouse.said = result.stdout
    return warehouse


PROPOSED = (
    "candidates.survey_candidates inner join inputs.users using (user_key)"
    " inner join inputs.items using (item_key) inner join inputs.item_attributes using (item_key)"
)


def test_the_unit_tests_ran(asked):
    """The default data has no surveys: this is where they run."""
    for name in ("survey_worked_out_by_hand", "an_answer_speaks_for_an_item"):
        assert re.search(f"PASS \\w+::{name}", asked.said)


def test_who_only_answered_is_a_user_and_gets_what_fits(asked):
    assert asked.rows(
        f"select distinct attribute from {PROPOSED} where fold = 'live' and user_id = 'asked'"
    ) == [("Horror",)]
    shown = asked.rows(
        "select rank, attribute, source, slot, reason from recommendations.recommendations"
        " inner join inputs.items using (item_id)"
        " inner join inputs.item_attributes using (item_key)"
        " where fold = 'live' and user_id = 'asked' order by rank"
    )
    assert shown == [
        (rank, "Horror", "survey", "cold_start", "Because you chose Horror") for rank in range(1, 6)
    ]


def test_what_is_new_is_found_by_its_attribute(asked):
    """Nobody has met the one Western."""
    assert asked.rows(
        "select item_id, reason from recommendations.recommendations"
        " where fold = 'live' and user_id = 'settler' and source = 'survey'"
    ) == [("f30", "Because you chose Western")]


def test_a_chosen_item_leads_to_others_and_is_named(asked):
    rows = asked.rows(
        "select item_id, reason, reason_item_id from recommendations.recommendations"
        " where fold = 'live' and user_id = 'chooser'"
    )
    assert len(rows) == 5 and "f04" not in {item for item, _, _ in rows}
    assert {row[1:] for row in rows} == {("Because you chose Film 04", "f04")}


def test_an_answer_after_the_cutoff_does_not_reach_the_fold(asked):
    answered = (
        "select distinct fold, user_id from candidates.survey_candidates"
        " inner join inputs.users using (user_key) where user_id in ('early', 'late') order by all"
    )
    assert asked.rows(answered) == [("holdout", "early"), ("live", "early"), ("live", "late")]
    # Both are tested in the holdout, and served there.
    assert asked.rows(
        "select user_id, count(*) from recommendations.recommendations"
        " where fold = 'holdout' and user_id in ('early', 'late') group by user_id order by all"
    ) == [("early", 5), ("late", 5)]


def test_an_unknown_answer_is_not_lost_silently(asked):
    assert asked.rows(
        "select kind, answer, is_known from inputs.survey_answers"
        " inner join inputs.users using (user_key) where user_id = 'lost' order by all"
    ) == [("category", "Polka", False), ("item", "f99", False)]
    assert "in test survey_answers_are_known" in asked.said
    assert "Got 2 results, configured to warn" in asked.said
    # Nothing is proposed for them, and what most people like is served.
    assert asked.rows(
        "select count(*), count(*) filter (where source = 'survey')"
        " from recommendations.recommendations where fold = 'live' and user_id = 'lost'"
    ) == [(5, 0)]


def test_a_history_says_more_than_answers(asked):
    assert asked.rows(f"select * from {PROPOSED} where user_id = 'u00' and fold = 'live'") == []


def test_cold_start_lists_are_complete(asked):
    lists = asked.rows(
        "select shown.kind, audience, count(*), min(attribute), max(attribute), max(reason)"
        " from recommendations.cold_start_recommendations as shown"
        " inner join inputs.items using (item_id)"
        " inner join inputs.item_attributes using (item_key) group by all order by all"
    )
    # One Western is no list.
    assert [row for row in lists if row[0] == "category"] == [
        ("category", genre, 5, genre, genre, f"Because you chose {genre}")
        for genre in sorted(GENRES)
    ]
    assert [row[:3] for row in lists if row[0] != "category"] == [("all", "all", 5)]


def test_every_audience_of_the_default_data_has_a_list(built):
    assert built.rows(
        "select kind, count(distinct audience), count(*)"
        " from recommendations.cold_start_recommendations group by kind order by kind"
    ) == [("all", 1, 20), ("category", 18, 360), ("segment", 14, 280)]
    # Nobody was asked, so nothing is proposed and nothing is said.
    assert built.rows(
        "select count(*) from candidates.candidates where source = 'survey'"
        " union all select count(*) from inputs.survey_answers"
    ) == [(0,), (0,)]


def test_answers_may_stand_in_columns_of_their_own(warehouse):
    variables = survey_vars(warehouse.folder)
    (warehouse.folder / "wide.csv").write_text("person,genres,films\nasked,Horror|Drama,f04\n")
    variables["custom"]["survey_answers"] = {
        "file": f"{warehouse.folder}/wide.csv",
        "columns": {"user_id": "person"},
        "kinds": {"category": "genres", "item": "films"},
        "delimiter": "|",
    }
    warehouse.build(
        "--select",
        "+fold_survey_answers",
        "--exclude-resource-types",
        "unit_test",
        "test",
        **variables,
    )
    assert warehouse.rows(
        "select fold, kind, answer, item_id, is_liked, weight from folds.fold_survey_answers"
        " left join inputs.items using (item_key) order by all"
    ) == [
        # Without a time no fold that is cut by time knows of them.
        ("live", "category", "Drama", None, True, 1.0),
        ("live", "category", "Horror", None, True, 1.0),
        ("live", "item", "f04", "f04", True, 1.0),
    ]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("warm_up_bins: [1, 5]", "warm_up_bins: must be a rising list of whole numbers from 0"),
        ("warm_up_bins: [0, 5, 5]", "warm_up_bins: must be a rising list"),
        ("cold_start_kinds: [segment]", "cold_start_kinds: segment is a kind of audience already"),
        ("cold_start_kinds: [text]", "cold_start_kinds: text is text"),
        ("survey_prior_likes: 0", "survey_prior_likes: must be above 0, is 0"),
        ("survey_attribute_items: 10", "survey_attribute_items: must be at least"),
        (
            "{dataset: custom, custom: {"
            "interactions: {file: a.csv, columns: {user_id: u, item_id: i, event_type: t}},"
            " survey_answers: {file: b.csv, columns: {user_id: u}}}}",
            "custom.survey_answers: columns must say which of yours is answer",
        ),
    ],
)
def test_vars_that_make_no_sense_are_refused(warehouse, variables, message):
    result = warehouse.dbt("parse", "--no-partial-parse", **yaml.safe_load(variables))
    assert result.returncode != 0
    assert message in " ".join(result.stdout.split())
