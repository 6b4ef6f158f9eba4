"""Attaches the databases that the var `attach` names, read only, for macros/attach_databases.sql.

It is Python, not SQL, so that a connection string goes from the environment to DuckDB and nowhere
else: dbt writes all SQL that it runs into its log.
"""

import os
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from exports.connections import attach_postgres, first_line, load, postgres_said, quoted

# Type of database → DuckDB's extension for it, which comes as the package duckdb-extension-<name>.
EXTENSIONS = {"postgres": "postgres_scanner", "sqlite": "sqlite_scanner"}


class Plugin(BasePlugin):
    """Adds ``foryou_attach(name, type, path, path_env)`` to DuckDB's functions."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        def foryou_attach(name: str, kind: str, path: str, path_env: str) -> str:
            with conn.cursor() as cursor:
                return attach(cursor, name, kind, path, path_env)

        conn.create_function(
            "foryou_attach",
            foryou_attach,
            ["varchar"] * 4,
            "varchar",
            null_handling="special",
            side_effects=True,
        )


def attach(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kind: str,
    path: str | None = None,
    path_env: str | None = None,
) -> str | None:
    """Attach a database, unless that name is attached already.

    Parameters
    ----------
    connection : a connection to the warehouse
    name : what the database is called in SQL, a plain word
    kind : ``duckdb``, ``sqlite`` or ``postgres``
    path : the database's file
    path_env : instead of ``path``, the environment variable that holds the file or, for Postgres,
        the connection string

    Returns
    -------
    What stood in the way, in words that give nothing of the connection string away, or None.
    """
    if path_env is not None:
        path = os.environ.get(path_env)
        if not path:
            return f"the environment variable {path_env} is not set"
    if kind != "postgres" and not Path(path).is_file():
        return f"there is no file {path}; paths start at the folder that dbt is started from"
    if kind in EXTENSIONS and (problem := load(connection, EXTENSIONS[kind])):
        return problem
    try:
        if kind == "postgres":
            attach_postgres(connection, name, path)
        else:
            connection.execute(
                f'attach if not exists {quoted(path)} as "{name}" (type {kind}, read_only)'
            )
    except ValueError:
        return f"{path_env} holds no connection string, neither postgresql://… nor host=… user=…"
    except duckdb.Error as error:
        return f"{path_env}: {postgres_said(error)}" if kind == "postgres" else first_line(error)
    return None
