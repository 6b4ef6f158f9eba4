"""The var attach: inputs in another database, read only, and its secrets kept."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from conftest import ROOT, Warehouse
from servers import Postgres, postgres_server

from dbt_project.plugins.attach import attach
from exports.connections import connection_parameters, load

RUN_INPUTS = ("run", "--select", "+items", "+interactions")
PASSWORD = "pa'ss-w0rd of the test"
EVENTS = [
    (f"c-{n % 7}", f"SKU/{n % 11}", "purchase", f"2026-01-{n % 28 + 1:02} 08:00:{n % 60:02}")
    for n in range(60)
]
PRODUCTS = [(f"SKU/{n}", f"Product {n}", "red") for n in range(11)]
COLUMNS = {
    "events": "customer varchar(9), sku varchar(9), action varchar(9), done_at timestamp",
    "products": "sku varchar(9), name varchar(40), x_colour varchar(9)",
}


def custom(events: str, products: str) -> dict:
    return {
        "interactions": {
            "relation": events,
            "columns": {
                "user_id": "customer",
                "item_id": "sku",
                "event_type": "action",
                "occurred_at": "done_at",
            },
        },
        "items": {
            "relation": products,
            "columns": {"item_id": "sku", "title": "name"},
            # The pattern has the columns looked up while compiling.
            "extra": ["x_*"],
        },
    }


def is_read(warehouse: Warehouse) -> None:
    """All that the shop's tables hold has become inputs."""
    assert warehouse.rows("select count(*) from inputs.interactions") == [(len(EVENTS),)]
    assert warehouse.rows("select title, extra from inputs.items where item_id = 'SKU/3'") == [
        ("Product 3", '{"x_colour":"red"}')
    ]


def fill(connection, schema: str = "") -> None:
    for table, rows in {"events": EVENTS, "products": PRODUCTS}.items():
        connection.execute(f"create table {schema}{table} ({COLUMNS[table]})")
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"insert into {schema}{table} values ({marks})", rows)


def fill_sqlite(file: Path) -> Path:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        fill(connection)
        connection.commit()
    return file


def fill_duckdb(file: Path) -> Path:
    with duckdb.connect(file) as connection:
        fill(connection)
    return file


def test_inputs_in_duckdb_and_sqlite(warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_FILE", str(fill_duckdb(tmp_path / "shop.duckdb")))
    till = fill_sqlite(tmp_path / "it's the till.db")
    variables = {
        "dataset": "custom",
        "attach": {
            "shop": {"type": "duckdb", "path_env": "SHOP_FILE"},
            "till": {"type": "sqlite", "path": str(till)},
        },
        "custom": custom("shop.main.events", "till.products"),
    }
    result = warehouse.dbt(*RUN_INPUTS, **variables)
    assert result.returncode == 0, result.stdout
    is_read(warehouse)
    # A command that has no start, and so no hook that attaches.
    result = warehouse.dbt("docs", "generate", **variables)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("kind", "fill_file"), [("duckdb", fill_duckdb), ("sqlite", fill_sqlite)])
def test_nothing_can_be_written(kind, fill_file, tmp_path):
    file = fill_file(tmp_path / "shop.db")
    with duckdb.connect() as connection:
        for _ in range(2):
            assert attach(connection, "shop", kind, str(file)) is None
        assert connection.execute("select count(*) from shop.events").fetchone() == (len(EVENTS),)
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("create table shop.mine (x integer)")


def test_vars_that_make_no_sense_are_all_named_at_once(warehouse):
    result = warehouse.dbt(
        "parse",
        attach={
            "my shop": {"type": "duckdb", "path": "a.duckdb"},
            "temp": {"type": "duckdb", "path": "a.duckdb"},
            "a": {"type": "oracle", "path": "a.db"},
            "b": {"type": "postgres", "path": f"postgresql://shop:{PASSWORD}@127.0.0.1/shop"},
            "c": {"type": "sqlite", "path": "c.db", "path_env": "C"},
            "d": {"type": "sqlite", "path": "d.db", "password": "x"},
            "e": "e.duckdb",
        },
    )
    assert result.returncode != 0
    for words in (
        'attach: "my shop" must be a plain word',
        "attach: temp is taken",
        'attach: a: type is "oracle"; choose one of duckdb, sqlite, postgres',
        "attach: b: a connection string belongs into the environment",
        "attach: c: needs one of path and path_env",
        "attach: d: there is no password",
        "attach: e must be like",
    ):
        assert words in result.stdout, result.stdout
    assert "Traceback" not in result.stdout


def test_what_cannot_be_attached_is_said_in_plain_words(warehouse):
    result = warehouse.dbt(
        *("run-operation", "attach_databases"),
        attach={
            "till": {"type": "sqlite", "path": "absent.db"},
            "shop": {"type": "postgres", "path_env": "FORYOU_NOT_SET"},
        },
    )
    assert result.returncode != 0
    assert "till: there is no file absent.db" in result.stdout
    assert "shop: the environment variable FORYOU_NOT_SET is not set" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_missing_extension_names_its_package():
    with duckdb.connect() as connection:
        problem = load(connection, "absent_scanner")
    assert f"duckdb-extension-absent-scanner=={duckdb.__version__}" in problem


def test_a_broken_connection_string_is_not_repeated(monkeypatch):
    for secret in ("host=127.0.0.1 password=hush hush", "hush", "password='hush"):
        monkeypatch.setenv("SHOP_POSTGRES", secret)
        with duckdb.connect() as connection:
            problem = attach(connection, "shop", "postgres", path_env="SHOP_POSTGRES")
        assert problem.startswith("SHOP_POSTGRES holds no connection string")
        assert "hush" not in problem


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", None),
        ("user=a password=''", {"user": "a", "password": ""}),
        (" user = a  password = 'b c' ", {"user": "a", "password": "b c"}),
        (r"password='a\\'", {"password": "a\\"}),
        (r"password=a\'b\ c", {"password": "a'b c"}),
        ("postgres:///shop", {"dbname": "shop"}),
        ("postgresql://a@[::1]:99", {"user": "a", "host": "::1", "port": "99"}),
        ("postgresql://:b%40#c@x,y:2", {"password": "b@#c", "host": "x,y", "port": ",2"}),
        ("postgresql://x/?user=a&password=b+c", {"host": "x", "user": "a", "password": "b+c"}),
    ],
)
def test_connection_strings(text, parameters):
    if parameters is None:
        with pytest.raises(ValueError):
            connection_parameters(text)
    else:
        assert connection_parameters(text) == parameters


@pytest.fixture
def postgres(tmp_path) -> Iterator[Postgres]:
    with postgres_server(tmp_path, PASSWORD) as server:
        yield server


def fill_postgres(connection_string: str) -> None:
    """By DuckDB, so that no other client is needed."""
    quoted = connection_string.replace("'", "''")
    with duckdb.connect() as connection:
        assert load(connection, "postgres_scanner") is None
        connection.execute(f"attach '{quoted}' as shop (type postgres)")
        fill(connection, "shop.public.")


def all_that_was_written(warehouse: Warehouse) -> bytes:
    return b"".join(file.read_bytes() for file in warehouse.folder.rglob("*") if file.is_file())


def test_postgres_by_a_connection_string_that_nobody_sees(postgres, warehouse, monkeypatch):
    secret = postgres.connection_string(PASSWORD)
    fill_postgres(secret)
    variables = {
        "dataset": "custom",
        "attach": {"shop": {"type": "postgres", "path_env": "SHOP_POSTGRES"}},
        "custom": custom("shop.public.events", "shop.public.products"),
    }

    wrong = "not-the-password"
    monkeypatch.setenv("SHOP_POSTGRES", postgres.connection_string(wrong))
    refused = warehouse.dbt("--debug", *RUN_INPUTS, **variables)
    assert refused.returncode != 0
    assert "shop: SHOP_POSTGRES: connection to server at" in refused.stdout
    assert "password authentication failed" in refused.stdout
    assert wrong not in refused.stdout
    assert wrong.encode() not in all_that_was_written(warehouse)

    monkeypatch.setenv("SHOP_POSTGRES", secret)
    result = warehouse.dbt("--debug", *RUN_INPUTS, **variables)
    assert result.returncode == 0, result.stdout
    is_read(warehouse)
    written = all_that_was_written(warehouse)
    assert b"foryou_attach('shop', 'postgres', null, 'SHOP_POSTGRES')" in written
    for text in (PASSWORD, PASSWORD.replace("'", "\\'"), PASSWORD.split("'")[1]):
        assert text not in result.stdout
        assert text.encode() not in written


def test_what_goes_wrong_after_attaching_does_not_tell_the_password(postgres, monkeypatch):
    fill_postgres(postgres.connection_string(PASSWORD))
    monkeypatch.setenv("SHOP_POSTGRES", postgres.address(PASSWORD))
    with duckdb.connect() as connection:
        assert attach(connection, "shop", "postgres", path_env="SHOP_POSTGRES") is None
        with pytest.raises(duckdb.Error) as refused:
            connection.execute("create table shop.public.mine (x integer)")
        assert "read-only" in str(refused.value)
        held = connection.execute("from duckdb_databases()").fetchall()
        held += connection.execute("from duckdb_secrets()").fetchall()
        postgres.stop()
        with pytest.raises(duckdb.Error) as gone:
            connection.execute("from shop.public.products")
        # It names the server, which shows that it quotes what the database was attached by.
        assert str(postgres.port) in str(gone.value)
    for text in (PASSWORD, PASSWORD.split("'")[1], quote(PASSWORD, safe="")):
        assert text not in f"{held} {gone.value}"


def test_the_packages_of_the_extensions_fit_duckdb():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    [version] = [line.split("==")[1] for line in lines if line.startswith("duckdb==")]
    extensions = [line for line in lines if line.startswith("duckdb-extension-")]
    assert extensions
    assert all(line.endswith(f"=={version}") for line in extensions)
