"""Tables of one's own, by a mapping of names: `dataset: custom`."""

import json

import duckdb
import pytest

EVENTS = [
    # Customers look at three things, buy one of them, and c-2 sends it back.
    "id;who;sku;action;amount;at;device",
    *(
        f"e{customer}{nth};c-{customer};SKU/0{nth};view;;2025-01-{nth + 10}T08:00:00+02:00;mobile"
        for customer in range(1, 7)
        for nth in range(1, 4)
    ),
    *(
        f"b{customer};c-{customer};SKU/01;purchase;19.9;1738400000000;web"
        for customer in range(1, 7)
    ),
    "r2;c-2;SKU/01;return;19.9;2025-02-03;web",
]
PRODUCTS = {
    "sku": ["SKU/01", "SKU/02", "SKU/03", "SKU/04"],
    "name": ["Hammer", "Saw", "Drill", "File"],
    "groups": [["Tools", "Steel"], ["Tools"], ["Tools", "Power"], []],
    "brand": ["Ox", "Ox", "Elk", None],
    "price": [19.9, 25.0, 99.0, 5.0],
    "x_colour": ["red", "blue", "red", "grey"],
}


@pytest.fixture
def shop(tmp_path):
    """Vars for a small shop, whose files are written first."""
    (tmp_path / "events.csv").write_text("".join(f"{line}\n" for line in EVENTS))
    with duckdb.connect() as connection:
        rows = [
            dict(zip(PRODUCTS, row, strict=True)) for row in zip(*PRODUCTS.values(), strict=True)
        ]
        (tmp_path / "products.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        connection.execute(
            f"copy (select sku, [0.5::float, 0] as vector from '{tmp_path}/products.json')"
            f" to '{tmp_path}/vectors.parquet'"
        )
    products = {"file": f"{tmp_path}/products.json"}
    return {
        "dataset": "custom",
        "event_weights": {"view": 1, "purchase": 5, "return": -6},
        "event_aggregations": {"view": "count"},
        "tune_cutoff": "2025-01-13",
        "holdout_cutoff": "2025-02-01",
        "custom": {
            "interactions": {
                "file": f"{tmp_path}/events.csv",
                "options": {"delim": ";"},
                "columns": {
                    "event_id": "id",
                    "user_id": "who",
                    "item_id": "sku",
                    "event_type": "action",
                    "value": "amount",
                    "occurred_at": "at",
                },
                "attributes": ["device"],
            },
            "items": {
                **products,
                "columns": {"item_id": "sku", "title": "name"},
                "extra": ["price", "x_*"],
            },
            "item_attributes": {
                **products,
                "columns": {"item_id": "sku"},
                "kinds": {"category": "groups", "brand": "brand"},
            },
            "item_embeddings": {
                "file": f"{tmp_path}/vectors.parquet",
                "columns": {"item_id": "sku", "embedding": "vector"},
                "constants": {"kind": "text"},
            },
        },
    }


def test_own_tables_become_recommendations(warehouse, shop):
    warehouse.build("--exclude-resource-types", "unit_test", **shop)
    assert warehouse.rows("select * from inputs.rejected_interactions") == []
    assert warehouse.rows(
        "select event_type, count(*), cast(min(occurred_at) as varchar),"
        " min(attributes ->> 'device')"
        " from inputs.interactions group by event_type order by event_type"
    ) == [
        ("purchase", 6, "2025-02-01 08:53:20", "web"),
        ("return", 1, "2025-02-03 00:00:00", "web"),
        ("view", 18, "2025-01-11 06:00:00", "mobile"),
    ]
    assert warehouse.rows(
        "select item_id, kind, attribute from inputs.item_attributes"
        " inner join inputs.items using (item_key) order by all"
    ) == [
        ("SKU/01", "brand", "Ox"),
        ("SKU/01", "category", "Steel"),
        ("SKU/01", "category", "Tools"),
        ("SKU/02", "brand", "Ox"),
        ("SKU/02", "category", "Tools"),
        ("SKU/03", "brand", "Elk"),
        ("SKU/03", "category", "Power"),
        ("SKU/03", "category", "Tools"),
    ]
    # A look weighs 1, a purchase 5, and what was sent back is no like.
    likes = warehouse.rows(
        "select user_id, is_positive, weight from folds.user_items"
        " inner join inputs.users using (user_key) inner join inputs.items using (item_key)"
        " where fold = 'live' and item_id = 'SKU/01' and user_id in ('c-1', 'c-2') order by user_id"
    )
    assert likes == [("c-1", True, 6.0), ("c-2", False, None)]
    # Everybody has met all but the file, which nobody has: extra columns are carried to it.
    assert warehouse.rows(
        "select distinct item_id, title, extra ->> 'price', extra ->> 'x_colour'"
        " from recommendations.recommendations where fold = 'live'"
    ) == [("SKU/04", "File", "5.0", "grey")]
    assert warehouse.rows("select distinct kind, embedding from inputs.item_embeddings") == [
        ("text", [0.5, 0.0])
    ]
    profile = {
        (measure, detail): value
        for measure, detail, value in warehouse.rows(
            "select measure, detail, value from inputs.input_profile"
        )
    }
    assert profile[("events", "view")] == 18
    assert profile[("users", None)] == 6
    assert profile[("density", None)] == 1.0
    assert profile[("repeated_share", None)] == pytest.approx(1 - 18 / 25)
    assert profile[("events_per_user", "max")] == 5
    assert profile[("events_of_unlisted_items_share", None)] == 0
    assert profile[("longest_gap_days", None)] == 18


def test_without_times_the_split_is_random_and_nothing_trends(warehouse, tmp_path):
    pairs = [(user, item) for user in range(60) for item in range(80) if (user * item) % 7 < 3]
    lines = ["user,artist,plays", *(f"u{u},a{i},{1 + u * i % 50}" for u, i in pairs)]
    (tmp_path / "plays.csv").write_text("".join(f"{line}\n" for line in lines))
    interactions = {
        "file": f"{tmp_path}/plays.csv",
        "columns": {"user_id": "user", "item_id": "artist", "value": "plays"},
        "constants": {"event_type": "play"},
    }
    result = warehouse.dbt(
        *("build", "--exclude-resource-types", "unit_test"),
        dataset="custom",
        custom={"interactions": interactions},
        weight_transforms={"play": "bm25"},
    )
    assert result.returncode == 0, result.stdout
    assert "custom has no event times" in result.stdout
    assert warehouse.rows("select fold from folds.folds order by fold") == [
        ("live",),
        ("random_holdout",),
        ("random_tune",),
    ]
    parts = dict(
        warehouse.rows(
            "select part, count(*) from folds.fold_interactions where fold = 'random_holdout'"
            " group by part"
        )
    )
    assert parts["train"] == pytest.approx(0.8 * len(pairs), rel=0.1)
    assert parts["test"] == pytest.approx(0.1 * len(pairs), rel=0.3)
    assert ("trending",) not in warehouse.rows("select distinct source from candidates.candidates")
    # The strongest like stands first where none is the newest.
    assert warehouse.rows(
        "select count(*) from folds.user_items as a inner join folds.user_items as b"
        " using (fold, user_key) where a.is_positive and b.is_positive and fold = 'live'"
        " and a.recency_rank < b.recency_rank and a.weight < b.weight"
    ) == [(0,)]
    [(mean,)] = warehouse.rows("select avg(weight) from folds.user_items where fold = 'live'")
    assert mean == pytest.approx(1.0, abs=1e-6)
    assert warehouse.infinite_features("random_holdout") == []


def test_what_is_wrong_with_a_mapping_is_said_at_once(warehouse):
    result = warehouse.dbt(
        "build",
        dataset="custom",
        custom={
            "interactions": {"file": "events.xlsx", "columns": {"user": "who", "item_id": "sku"}},
            "items": {"relation": "a; drop table b", "columns": {"item_id": "sku"}},
            "prices": {"file": "prices.csv"},
            "users": {"columns": {"user_id": "who"}},
        },
    )
    assert result.returncode != 0
    for words in (
        "custom.interactions: the name of events.xlsx does not tell how to read it",
        "custom.interactions: columns must say which of yours is user_id",
        "which of yours is event_type, or constants what it is",
        "custom.interactions: there is no column user to map",
        "custom.items: a; drop table b is not the name of a table",
        "custom.prices: there is no such input",
        "custom.users: needs one of file, relation, ref or source",
    ):
        assert words in result.stdout, result.stdout
    assert not warehouse.database.exists()


def test_a_column_that_is_not_there_is_named(warehouse, shop):
    shop["custom"]["interactions"]["columns"]["user_id"] = "customer"
    shop["custom"]["item_embeddings"]["file"] = "nowhere/*.parquet"
    result = warehouse.dbt("build", **shop)
    assert result.returncode != 0
    assert "events.csv) has no column customer; it has id, who, sku" in result.stdout
    assert "custom.item_embeddings: there is no file nowhere/*.parquet" in result.stdout
    assert "Traceback" not in result.stdout
