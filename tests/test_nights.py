"""The var refit: weekly: nights that fold in what is new, and leave what was learned as it is."""

import shutil

import duckdb
import numpy as np
import pytest
from conftest import Warehouse

# All that learns has a part in it, and little to learn from.
CHEAP = {
    "dataset": "custom",
    "refit": "weekly",
    "sources": ["popular", "content", "cooccurrence", "ease", "als", "two_tower"],
    "als_factors": 8,
    "two_tower_dimensions": 8,
    "two_tower_hidden": 8,
    "two_tower_epochs": 1,
    "ranker_max_users": 100,
    "lightgbm_max_trees": 10,
    **{"candidates_k": 100, "ranked_k": 100, "candidate_recall_ks": [50, 100]},
}
# What is as if all had been made anew: whatever is read, cut, counted or described.
EXACT = ("inputs", "folds", "features")
# The last one goes by keys, which differ.
NOT_EXACT = {"build_choices", "changed_users", "input_profile", "user_digests"}
REFIT, FOLD_IN = "Everything is learned anew", "What is new is folded into what was learned"


@pytest.fixture(scope="module")
def nights(built, tmp_path_factory):
    """A warehouse after a first build and a night; itself before that night; what was printed."""
    folder = tmp_path_factory.mktemp("nights")
    events = folder / "events"
    events.mkdir()
    variables = CHEAP | {
        "custom": {
            "interactions": {
                "file": str(events / "*.parquet"),
                "columns": {
                    **{"user_id": "customer", "item_id": "sku", "value": "stars"},
                    "occurred_at": "ts",
                },
                "constants": {"event_type": "rating"},
            },
            "item_attributes": {
                "file": str(folder / "genres.parquet"),
                "columns": {"item_id": "sku", "attribute": "genre"},
                "constants": {"kind": "category"},
            },
        }
    }
    with duckdb.connect(str(built.database), read_only=True) as connection:
        connection.execute(
            "create temp view events as select user_id as customer, item_id as sku, value as stars,"
            " occurred_at as ts from inputs.interactions inner join inputs.users using (user_key)"
            " inner join inputs.items using (item_key) where user_key % 8 = 0"
        )
        connection.sql("from events where ts < '1998-04-15' order by all").write_parquet(
            str(events / "1.parquet")
        )
        connection.sql(
            "from events where ts >= '1998-04-15' and ts < '1998-04-17' union all"
            " select 'A new one', sku, 5, timestamp '1998-04-16' from"
            " (select distinct sku from events order by sku limit 3) union all"
            " select 'A new one', 'A new film', 5, timestamp '1998-04-16' order by all"
        ).write_parquet(str(folder / "2.parquet"))
        connection.sql(
            "select item_id as sku, attribute as genre from inputs.item_attributes"
            " inner join inputs.items using (item_key) where kind = 'category' order by all"
        ).write_parquet(str(folder / "genres.parquet"))
    warehouse, before = Warehouse(folder / "grown"), Warehouse(folder / "before")
    said = [night(warehouse, **variables, as_of="1998-04-15")]
    before.folder.mkdir()
    shutil.copy(warehouse.database, before.database)
    (folder / "2.parquet").rename(events / "2.parquet")
    variables["as_of"] = "1998-04-17"
    said.append(night(warehouse, **variables))
    return warehouse, before, said, variables


def night(warehouse: Warehouse, *options: str, **variables) -> str:
    warehouse.folder.mkdir(exist_ok=True)
    result = warehouse.dbt(
        "build", "--exclude-resource-types", "test", "unit_test", *options, **variables
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def rows_by_id(warehouse: Warehouse, table: str) -> set[tuple]:
    """The rows of `live`, or all, with ids in the place of keys: those differ."""
    schema, name = table.split(".")
    columns = [
        column
        for (column,) in warehouse.rows(
            "select column_name from duckdb_columns() where schema_name = $1 and table_name = $2"
            " order by column_index",
            [schema, name],
        )
    ]
    ids = {
        "user_key": "(select user_id from inputs.users as u where u.user_key = t.user_key)",
        "item_key": "(select item_id from inputs.items as i where i.item_key = t.item_key)",
    }
    # The arm of an item is its key as text.
    read = ", ".join(ids.get(column, f't."{column}"') for column in columns if column != "arm")
    where = "where fold = 'live'" if "fold" in columns else ""
    return warehouse.rows(f"select {read} from {table} as t {where} order by all")


def test_what_is_counted_is_as_if_made_anew(nights):
    warehouse, _, said, variables = nights
    assert REFIT in said[0] and "nothing was learned before" in said[0]
    assert FOLD_IN in said[1]
    anew = Warehouse(warehouse.folder / "anew")
    folders = [f"path:models/{folder}" for folder in (*EXACT, "staging")]
    night(anew, "--select", "resource_type:seed", *folders, **variables)
    tables = {
        f"{schema}.{table}"
        for schema, table in anew.rows("select schema_name, table_name from duckdb_tables()")
        if schema in EXACT and table not in NOT_EXACT
    }
    assert len(tables) > 25
    for table in sorted(tables):
        assert rows_by_id(warehouse, table) == rows_by_id(anew, table), table
    # The tested folds are those of the last refit.
    assert warehouse.rows("select count(distinct fold) from candidates.candidates") == [(3,)]


@pytest.mark.parametrize(
    "table",
    [
        *("candidates.item_neighbors", "candidates.two_tower_fits", "ranking.lightgbm_fits"),
        "evaluation.user_accuracy",
    ],
)
def test_what_was_learned_and_measured_stays(table, nights):
    warehouse, before, *_ = nights
    assert warehouse.hash_of(table) == before.hash_of(table)


@pytest.mark.parametrize("source", ["als", "two_tower"])
def test_items_keep_their_vectors_and_users_who_changed_get_new_ones(source, nights):
    warehouse, before, *_ = nights
    items = "entity = 'item' or fold <> 'live'"
    table = f"candidates.{source}_vectors"
    assert warehouse.hash_of(table, items) == before.hash_of(table, items)
    query = f"select key, vector from {table} where fold = 'live' and entity = 'user'"
    then, now = dict(before.rows(query)), dict(warehouse.rows(query))
    changed = {user for (user,) in warehouse.rows("select user_key from inputs.changed_users")}
    assert 1 < len(changed) < len(now) / 4
    assert {user for user in now if now[user] != then.get(user)} <= changed
    assert {user for user in changed if now.get(user) != then.get(user)}
    # Of a new person something is known.
    [(new,)] = warehouse.rows("select user_key from inputs.users where user_id = 'A new one'")
    assert new in now and new not in then


def test_who_changed_is_served_anew_and_others_keep_their_lists(nights):
    warehouse, before, *_ = nights
    query = (
        "select user_id, list(item_id order by rank) from recommendations.recommendations"
        " where fold = 'live' group by user_id"
    )
    then, now = dict(before.rows(query)), dict(warehouse.rows(query))
    changed = {
        user
        for (user,) in warehouse.rows(
            "select user_id from inputs.changed_users inner join inputs.users using (user_key)"
        )
    }
    assert now.keys() > then.keys() and len(now["A new one"]) == 20
    assert {user for user in now if now[user] != then.get(user)} <= changed
    assert any(now[user] != then[user] for user in changed & then.keys())
    # Nobody is given what they have met, by whichever source.
    for table in ("candidates.candidates", "recommendations.user_lists"):
        met = f"{table} semi join folds.user_items using (fold, user_key, item_key)"
        assert warehouse.rows(f"select count(*) from {met}") == [(0,)]
    # Each has every place once.
    assert warehouse.rows(
        "select count(*) from (select fold, user_id from recommendations.recommendations"
        " group by all having count(*) <> 20 or count(distinct rank) <> 20)"
    ) == [(0,)]


def test_a_week_later_or_with_another_var_all_is_learned_anew(nights, tmp_path):
    built, _, _, variables = nights
    variables = dict(variables)
    warehouse = Warehouse(tmp_path)
    shutil.copy(built.database, warehouse.database)
    one = ("--select", "build_choices")
    assert "vars have changed" in night(warehouse, *one, **variables | {"als_factors": 9})
    shutil.copy(built.database, warehouse.database)
    variables["as_of"] = "1998-04-22"
    learned = ("--select", "build_choices", "two_tower_fits", "als_vectors")
    assert "the last refit is of 1998-04-15" in night(warehouse, *learned, **variables)
    # Whatever starts from what was learned before ends near it.
    assert warehouse.rows("select value from inputs.build_choices where name = 'night'") == [
        ('"warm_refit"',)
    ]
    assert warehouse.rows("select distinct n_epochs from candidates.two_tower_fits") == [(1,)]
    query = "select key, vector from candidates.als_vectors where fold = 'live' and entity = 'item'"
    then, now = dict(built.rows(query)), dict(warehouse.rows(query))
    assert now != then
    assert mean_cosine(now, then) > 0.9


def mean_cosine(vectors: dict[int, list], others: dict[int, list]) -> float:
    both = vectors.keys() & others.keys()
    a, b = (np.array([of[key] for key in both]) for of in (vectors, others))
    return ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).mean()
