"""What holds for any table of events, on the SQL that dbt compiles."""

from collections import Counter

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Warehouse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_corpus import COLUMNS, SCREENED, custom

OURS = {**COLUMNS, "event_id": "id"}


def mostly(good, bad, anything):
    """Few different values, so that events meet again; at times a bad one, or any at all."""
    return st.integers(0, 19).flatmap(
        lambda draw: anything if draw == 0 else st.sampled_from(bad if draw == 1 else good)
    )


BAD_IDS = ["", " ", "a\nb", "x" * 256, None]
FLOATS = st.floats().map(str)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "customer": mostly(["a", " a", "007", "7"], BAD_IDS, TEXT),
            "sku": mostly(["a", "b", "'"], BAD_IDS, TEXT),
            "action": mostly(["view", "rating"], ["", None], TEXT),
            "amount": mostly(["1", "1.0", "2"], ["nan", "inf", "four", "", None], FLOATS),
            "ts": mostly(
                ["2025-01-01", "2025-01-01T00:00:00Z", "1735689600000"],
                ["1956-01-01", "2090-01-01", "never", "", None],
                st.integers(-(2**64), 2**64).map(str),
            ),
            "id": mostly([None, "e1", "e2"], ["", " "], TEXT),
        }
    ),
    max_size=40,
)
SCHEMA = pa.schema([(name, pa.string()) for name in OURS.values()])
# What an event is, without where it stands.
EVENT = "user_id, item_id, event_type, value_text, occurred_at_text, event_id"
MEANING = "user_id, item_id, event_type, value, occurred_at, event_id"
ROW = ("customer", "sku", "action", "amount", "ts", "id")


# The models between a file and its refused rows.
MODELS = {
    "staging.stg_custom__interactions": "view",
    "staging.stg_event_log__interactions": "table",
    "inputs.loaded_interactions": "table",
    "inputs.numbered_interactions": "view",
    "inputs.rejected_interactions": "table",
}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Puts tables of events, a file each, through staging and screening: reason, columns."""
    folder = tmp_path_factory.mktemp("screening")
    write(folder / "0.parquet", [])
    warehouse = Warehouse(folder)
    result = warehouse.dbt(
        *("compile", "--select", "+rejected_interactions"), **custom(folder / "*.parquet", OURS)
    )
    assert result.returncode == 0, result.stdout
    compiled = folder / "target" / "compiled" / "foryou" / "models"
    statements = ["set threads = 1", "create schema staging", "create schema inputs"]
    for model, kind in MODELS.items():
        [file] = compiled.rglob(f"{model.partition('.')[2]}.sql")
        statements.append(f"create {kind} {model} as {file.read_text()}")

    def run(columns, *tables):
        for file in folder.glob("*.parquet"):
            file.unlink()
        for nth, events in enumerate(tables):
            write(folder / f"{nth}.parquet", events)
        with duckdb.connect() as connection:
            for statement in statements:
                connection.execute(statement)
            return connection.execute(f"select reason, {columns} from ({SCREENED})").fetchall()

    return run


def write(path, events):
    pq.write_table(pa.Table.from_pylist(events, schema=SCHEMA), path)


def accepted(rows):
    """The accepted events, as a multiset that can tell nan from nothing."""
    return Counter(repr(row[1:]) for row in rows if row[0] is None)


# Parquet, a view and a query for each example.
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(EVENTS)
def test_nothing_is_lost_and_nothing_invented(screen, events):
    """Accepted or refused, each row of the source comes out once, as it came."""
    rows = screen(EVENT, events)
    came = Counter(tuple(event[name] for name in ROW) for event in events)
    assert Counter(row[1:] for row in rows) == came


@quick
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(screen, events, random):
    shuffled = random.sample(events, len(events))
    assert accepted(screen(MEANING, events)) == accepted(screen(MEANING, shuffled))


@quick
@given(EVENTS)
def test_a_second_load_adds_only_duplicates(screen, events):
    once = screen(MEANING, events)
    twice = screen(MEANING, events, events)
    assert accepted(twice) == accepted(once)
    reasons = Counter(row[0] for row in twice) - Counter(row[0] for row in once)
    known = Counter(row[0] for row in once if row[0] is not None)
    added = {"duplicate of an earlier row", "event_id is that of another row"}
    assert sum(reasons.values()) == len(events)
    assert all(reason in added or known[reason] for reason in reasons)
