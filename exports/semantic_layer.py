"""Asks the semantic layer of what was built, as `mf query` does, without standing in a build's way.

MetricFlow holds the warehouse open to write for as long as it runs, so that no build can begin, and
its command asks a package registry whether a newer one is out. So the tables that it needs are
copied, and its query is called past that command.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import duckdb

from exports.connections import quoted
from exports.warehouse import database_path, open_to_read


def copy_facts(database: Path, project: Path, into: Path) -> Path:
    """Copy what the semantic models and the time spine read.

    Parameters
    ----------
    database : Path
        The warehouse; only read, and let go of at once.
    project : Path
        A dbt project; its folder `target` says what there is, as dbt last parsed it.
    into : Path
        A folder.

    Returns
    -------
    Path
        A DuckDB file, named as MetricFlow will call the tables.

    Raises
    ------
    FileNotFoundError
        When nothing was built or parsed yet.
    duckdb.Error
        When a build is running, or a table is missing.
    """
    manifest = project / "target" / "semantic_manifest.json"
    if not manifest.exists():
        raise FileNotFoundError(f"{manifest} is missing; `make build` or `dbt parse` writes it")
    declared = json.loads(manifest.read_text())
    relations = [
        its["node_relation"]
        for its in declared["semantic_models"] + declared["project_configuration"]["time_spines"]
    ]
    copy = into / f"{relations[0]['database']}.duckdb"
    with duckdb.connect(str(copy)) as facts:
        for schema in {its["schema_name"] for its in relations}:
            facts.execute(f'create schema "{schema}"')
    with open_to_read(database) as warehouse:
        warehouse.execute(f"attach {quoted(str(copy))} as facts (read_write)")
        for its in relations:
            name = f'"{its["schema_name"]}"."{its["alias"]}"'
            warehouse.execute(f"create table facts.{name} as from {name}")
    return copy


def main() -> int:
    """Print what `mf query` prints for the arguments of the command line; 0, or 1 on failure."""
    try:
        from dbt_metricflow.cli.main import query
    except ModuleNotFoundError:
        print("foryou: MetricFlow is missing: pip install '.[semantic]'", file=sys.stderr)
        return 1
    project = Path(os.environ.get("DBT_PROJECT_DIR", "dbt_project"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            copy = copy_facts(database_path(), project, Path(folder))
        except (OSError, duckdb.Error) as error:
            print(f"foryou: the semantic layer has nothing to read: {error}", file=sys.stderr)
            return 1
        os.environ |= {"FORYOU_DATABASE": str(copy), "DBT_PROJECT_DIR": str(project)}
        query.main(prog_name="make metrics")
    return 0


if __name__ == "__main__":
    sys.exit(main())
