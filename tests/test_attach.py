"""The var attach: inputs in another database, read only, and its secrets kept."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, Warehouse

from dbt_plugins.attach import attach, load

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
    for secret in ("host=127.0.0.1 password=hush hush", "postgresql://me:hush%zz@127.0.0.1/shop"):
        monkeypatch.setenv("SHOP_POSTGRES", secret)
        with duckdb.connect() as connection:
            problem = attach(connection, "shop", "postgres", path_env="SHOP_POSTGRES")
        assert problem == "SHOP_POSTGRES: Postgres cannot be reached by this connection string"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory) -> Iterator[dict[str, str]]:
    """A server on a free port of this machine, and how to reach it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("Postgres is not installed (Debian's package postgresql)")
    # Postgres does not run as root; its user must reach the folder, and pytest's are closed.
    run_as = []
    folder = tmp_path_factory.mktemp("postgres")
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("there is no runuser to start Postgres as another user than root")
        run_as = ["runuser", "-u", "postgres", "--"]
        folder = Path(
            subprocess.check_output([*run_as, "mktemp", "-d"], cwd="/", text=True).strip()
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def pg_ctl(*arguments: str) -> None:
        command = [*run_as, str(programs[-1] / "pg_ctl"), "-D", data, *arguments]
        # It would hand a captured output on to the server, and pytest would wait for its end.
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL)

    data = f"{folder}/data"
    # The password reaches initdb by a pipe that its user owns.
    initdb = f"{programs[-1]}/initdb -D {data} -U shop -A scram-sha-256 --no-sync --pwfile=<(cat)"
    subprocess.run([*run_as, "bash", "-c", initdb], cwd="/", input=PASSWORD, text=True, check=True)
    options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
    pg_ctl("-o", options, "-w", "-l", f"{folder}/log", "start")
    try:
        yield {"host": "127.0.0.1", "port": port, "user": "shop", "dbname": "postgres"}
    finally:
        pg_ctl("-m", "immediate", "stop")
        subprocess.run([*run_as, "rm", "-r", str(folder)], cwd="/", check=True)


def connection_string(server: dict[str, str], password: str) -> str:
    escaped = password.replace("'", "\\'")
    return " ".join(f"{key}={value}" for key, value in server.items()) + f" password='{escaped}'"


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
    secret = connection_string(postgres, PASSWORD)
    fill_postgres(secret)
    variables = {
        "dataset": "custom",
        "attach": {"shop": {"type": "postgres", "path_env": "SHOP_POSTGRES"}},
        "custom": custom("shop.public.events", "shop.public.products"),
    }

    wrong = "not-the-password"
    monkeypatch.setenv("SHOP_POSTGRES", connection_string(postgres, wrong))
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


def test_the_packages_of_the_extensions_fit_duckdb():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    [version] = [line.split("==")[1] for line in lines if line.startswith("duckdb==")]
    extensions = [line for line in lines if line.startswith("duckdb-extension-")]
    assert extensions
    assert all(line.endswith(f"=={version}") for line in extensions)
