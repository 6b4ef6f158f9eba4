"""Other BI tools find what docs/bi_tools.md and the dashboard for Superset say is there."""

import json
import re
import zipfile
from itertools import chain
from pathlib import Path
from uuid import UUID

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import ROOT
from servers import postgres_server

from exports.connections import load
from exports.superset.bundle import SOURCES, write
from exports.targets import PublishedRun, send

PAGE = (ROOT / "docs" / "bi_tools.md").read_text()
SQL = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
QUESTIONS = [text for text in SQL if text.startswith("select")]
[GRANTS] = [text for text in SQL if text not in QUESTIONS]
FOLDERS = ("databases", "datasets", "charts", "dashboards")
PLAIN_TYPES = {"string", "int32", "int64", "double", "bool", "date32[day]", "timestamp[us]"}


@pytest.fixture(scope="module")
def bundle(published, tmp_path_factory) -> zipfile.ZipFile:
    """The ZIP file for the published file."""
    into = tmp_path_factory.mktemp("superset") / "new" / "foryou.zip"
    with zipfile.ZipFile(write(published / "foryou.duckdb", into)) as file:
        yield file


@pytest.fixture(scope="module")
def parts(bundle) -> dict[str, dict[str, dict]]:
    """Folder → uuid → what is described there."""
    found: dict[str, dict[str, dict]] = {folder: {} for folder in FOLDERS}
    for name in bundle.namelist():
        _, folder, *_ = Path(name).parts
        if folder in FOLDERS:
            part = yaml.safe_load(bundle.read(name))
            assert str(UUID(part["uuid"])) not in found[folder], name
            found[folder][part["uuid"]] = part
    return found


@pytest.fixture(scope="module")
def database(parts) -> dict:
    [database] = parts["databases"].values()
    return database


@pytest.fixture(scope="module")
def dashboard(parts) -> dict:
    [dashboard] = parts["dashboards"].values()
    return dashboard


@pytest.fixture
def connection(database) -> duckdb.DuckDBPyConnection:
    """The published file, opened as Superset opens it."""
    path = database["sqlalchemy_uri"].removeprefix("duckdb:///")
    arguments = database["extra"]["engine_params"]["connect_args"]
    with duckdb.connect(path, **arguments) as connection:
        yield connection


def test_the_bundle_is_laid_out_as_superset_exports(bundle, published):
    names = bundle.namelist()
    assert len(names) == len(set(names)) == len(list(SOURCES.rglob("*.yaml")))
    assert {Path(name).parts[0] for name in names} == {"foryou"}
    inside = [Path(*Path(name).parts[1:]) for name in names]
    assert {path.parts[0] for path in inside} == {"metadata.yaml", *FOLDERS}
    # Data sets are in a folder of their database.
    assert {str(path.parent) for path in inside} == {
        *(".", "databases", "charts", "dashboards"),
        "datasets/foryou",
    }
    for name in names:
        assert str(yaml.safe_load(bundle.read(name))["version"]) == "1.0.0"
    database = yaml.safe_load(bundle.read("foryou/databases/foryou.yaml"))
    assert database["sqlalchemy_uri"] == f"duckdb:///{published / 'foryou.duckdb'}"


def test_a_path_that_no_address_can_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="question mark"):
        write(tmp_path / "what?.duckdb", tmp_path / "foryou.zip")


def test_ids_fit_together(parts, dashboard):
    for dataset in parts["datasets"].values():
        assert dataset["database_uuid"] in parts["databases"]
    for chart in parts["charts"].values():
        assert chart["dataset_uuid"] in parts["datasets"]
        assert chart["params"]["viz_type"] == chart["viz_type"]
    position = dashboard["position"]
    places = {name: place for name, place in position.items() if isinstance(place, dict)}
    for name, place in places.items():
        assert place["id"] == name
        for child in place.get("children", []):
            assert places[child]["parents"] == [*place.get("parents", []), name]
    drawn = {
        place["meta"]["chartId"]: place["meta"]["uuid"]
        for place in places.values()
        if place["type"] == "CHART"
    }
    assert sorted(drawn.values()) == sorted(parts["charts"])
    # Nothing is left over, and no row is wider than the grid.
    reached = set(chain.from_iterable(place.get("children", []) for place in places.values()))
    assert reached | {"ROOT_ID", "HEADER_ID"} == set(places)
    for place in places.values():
        if place["type"] == "ROW":
            assert sum(places[child]["meta"]["width"] for child in place["children"]) == 12
    for native in dashboard["metadata"]["native_filter_configuration"]:
        assert set(native["scope"]["excluded"]) < set(drawn)
        for target in native["targets"]:
            dataset = parts["datasets"][target["datasetUuid"]]
            assert target["column"]["name"] in {its["column_name"] for its in dataset["columns"]}


def test_data_sets_are_published_tables(parts, connection):
    for dataset in parts["datasets"].values():
        table = dataset["table_name"]
        described = connection.execute(f"describe {dataset['schema']}.{table}").fetchall()
        there = {name: kind for name, kind, *_ in described}
        declared = {
            its["column_name"]: its["type"] for its in dataset["columns"] if "expression" not in its
        }
        assert declared.items() <= there.items(), table
        for its in [*dataset["columns"], *dataset["metrics"]]:
            if "expression" in its:
                connection.execute(f"select {its['expression']} from {table}")


def condition(column: str, operator: str, value) -> tuple[str, list]:
    if operator == "IS NULL":
        return f"{column} is null", []
    if operator == "IN":
        return f"list_contains(?, {column})", [value]
    assert operator in ("==", "!=")
    return f"{column} {operator} ?", [value]


def test_charts_ask_for_what_is_there(parts, dashboard, connection):
    ids = {
        place["meta"]["uuid"]: place["meta"]["chartId"]
        for place in dashboard["position"].values()
        if isinstance(place, dict) and place["type"] == "CHART"
    }
    for uuid, chart in parts["charts"].items():
        dataset, asked = parts["datasets"][chart["dataset_uuid"]], chart["params"]
        columns = {
            its["column_name"]: its.get("expression", f'"{its["column_name"]}"')
            for its in dataset["columns"]
        }
        metrics = {its["metric_name"]: its["expression"] for its in dataset["metrics"]}
        groups = asked.get("groupby", [])
        wanted = [asked["x_axis"]] if "x_axis" in asked else []
        wanted += [groups] if isinstance(groups, str) else groups
        wanted += asked.get("all_columns", [])
        measured = [asked["metric"]] if "metric" in asked else asked.get("metrics", [])
        assert wanted and set(asked.get("column_config", {})) <= {*wanted, *measured}
        for by in asked.get("order_by_cols", []):
            assert json.loads(by)[0] in wanted
        conditions = [
            condition(columns[its["subject"]], its["operator"], its["comparator"])
            for its in asked["adhoc_filters"]
        ]
        for native in dashboard["metadata"]["native_filter_configuration"]:
            if ids[uuid] not in native["scope"]["excluded"]:
                for its in native["defaultDataMask"]["extraFormData"]["filters"]:
                    conditions.append(condition(columns[its["col"]], its["op"], its["val"]))
        where = " and ".join(text for text, _ in conditions) or "true"
        shown = ", ".join([columns[name] for name in wanted] + [metrics[name] for name in measured])
        rows = connection.execute(
            f"select {shown} from {dataset['table_name']} where {where} group by all",
            list(chain.from_iterable(values for _, values in conditions)),
        ).fetchall()
        assert rows, chart["slice_name"]
        for nth in range(len(wanted), len(wanted) + len(measured)):
            assert any(row[nth] is not None for row in rows), chart["slice_name"]


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine as select 1 as x",
        "delete from metrics",
        "from read_csv('{there}')",
        "copy folds to '{there}.csv'",
        "attach '{there}' as other",
        "set enable_external_access = true",
    ],
)
def test_whoever_writes_sql_reads_the_published_file_only(connection, tmp_path, statement):
    there = tmp_path / "a.csv"
    there.write_text("a\n1\n")
    with pytest.raises(duckdb.Error, match="read-only|disabled by configuration|locked"):
        connection.execute(statement.format(there=there))
    assert list(tmp_path.iterdir()) == [there]


def test_superset_has_the_duckdb_that_publishes():
    [ours] = re.findall(r"^duckdb==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    pins = (SOURCES.parent / "requirements.txt").read_text()
    assert re.findall(r"^duckdb==(\S+)", pins, re.MULTILINE) == [ours]


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_answered_by_the_file(published, question):
    assert len(QUESTIONS) == 5
    with duckdb.connect(str(published / "foryou.duckdb"), read_only=True) as connection:
        assert connection.execute(question).fetchall()


def test_questions_are_answered_by_postgres(published, tmp_path, monkeypatch):
    with postgres_server(tmp_path, "test") as server, duckdb.connect() as connection:
        assert load(connection, "postgres_scanner") is None

        def attach(name: str, text: str) -> None:
            quoted = text.replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (type postgres)")

        def run(name: str, statement: str) -> None:
            connection.execute("call postgres_execute($1, $2)", [name, statement])

        monkeypatch.setenv("FORYOU_POSTGRES", server.address("test"))
        send(PublishedRun.open(published), "postgres")
        attach("owner", server.connection_string("test"))
        for statement in GRANTS.split(";"):
            if statement.strip():
                run("owner", statement)
        [password] = re.findall(r"password '(.*)'", GRANTS)
        attach("reader", server.connection_string(password, "foryou_reader"))
        run("owner", "create table foryou.of_a_later_run as select 1 as x")
        for question in [*QUESTIONS, "select x from foryou.of_a_later_run"]:
            rows = connection.execute("from postgres_query('reader', $1)", [question]).fetchall()
            assert rows, question
        for statement in (
            "delete from foryou.metrics",
            "drop table foryou.metrics",
            "create table foryou.mine (x integer)",
        ):
            with pytest.raises(duckdb.Error, match="permission denied|must be owner"):
                run("reader", statement)


def test_parquet_holds_the_types_that_the_page_names(published):
    others = {}
    for file in sorted(published.glob("*.parquet")):
        schema = pq.read_schema(file)
        for field in schema:
            if str(field.type) not in PLAIN_TYPES:
                others[file.stem, field.name] = str(field.type)
        frame = pd.read_parquet(file)
        assert list(frame.columns) == schema.names
    assert others == {
        ("items", "extra"): "extension<arrow.json>",
        ("metrics_history", "vars"): "extension<arrow.json>",
        ("vectors", "vector"): "list<element: float>",
    }
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert listed == list(others)


def test_power_bi_finds_the_run_and_its_files(published):
    [query] = re.findall(r"```powerquery\n(.*?)```", PAGE, re.DOTALL)
    manifest = json.loads((published / "manifest.json").read_text())
    [key] = re.findall(r"manifest\.json\"\)\)\[(\w+)\]", query)
    assert manifest[key] == published.name
    [name] = re.findall(r"(\w+\.parquet)", query)
    assert (published / name).exists()
