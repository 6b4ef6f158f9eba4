"""Attaches the databases that the var `attach` names, read only, for macros/attach_databases.sql.

It is Python, not SQL, so that a connection string goes from the environment to DuckDB and nowhere
else: dbt writes all SQL that it runs into its log.
"""

import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

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


def attach_postgres(connection: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    """Attach a Postgres database; user and password go by a secret that lives in memory only.

    DuckDB quotes the string that a database was attached by in each of its errors, such as when
    the server goes away during a build. It quotes nothing of a secret.
    """
    parameters = connection_parameters(text)
    hidden = {key: parameters.pop(key) for key in ("user", "password") if key in parameters}
    options = "type postgres, read_only"
    if hidden:
        values = ", ".join(f"{key} {quoted(value)}" for key, value in hidden.items())
        connection.execute(
            f'create or replace temporary secret "foryou_{name}" (type postgres, {values})'
        )
        options += f', secret "foryou_{name}"'
    rest = " ".join(f"{key}={escaped(value)}" for key, value in parameters.items())
    connection.execute(f'attach if not exists {quoted(rest)} as "{name}" ({options})')


def connection_parameters(text: str) -> dict[str, str]:
    r"""Take a connection string of libpq apart.

    Raises ValueError where it is none.

    >>> connection_parameters(r"host=127.0.0.1 user=shop password='it\'s'")
    {'host': '127.0.0.1', 'user': 'shop', 'password': "it's"}
    >>> connection_parameters("postgresql://shop:a%20b@db:5433")
    {'user': 'shop', 'password': 'a b', 'host': 'db', 'port': '5433'}
    """
    if not re.match("postgres(ql)?://", text):
        pair = r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)"
        if not re.fullmatch(f"(?:{pair})+\\s*", text):
            raise ValueError("no connection string")
        return {
            key: re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)
            for key, value in re.findall(pair, text)
        }
    # Unlike other addresses, it has no part after a #.
    address = urlsplit(text.replace("#", "%23"))
    login, _, hosts = address.netloc.rpartition("@")
    user, _, password = login.partition(":")
    # Several servers may stand there, each with a port of its own.
    servers = [re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d*))?", host) for host in hosts.split(",")]
    if not all(servers):
        raise ValueError("no connection string")
    parameters = {
        "user": user,
        "password": password,
        "host": ",".join(server[1].strip("[]") for server in servers),
        "port": ",".join(server[2] or "" for server in servers),
        "dbname": address.path.removeprefix("/"),
    }
    given = {key: unquote(value) for key, value in parameters.items() if value.strip(",")}
    return given | dict(parse_qsl(address.query.replace("+", "%2B")))


def load(connection: duckdb.DuckDBPyConnection, extension: str) -> str | None:
    """Load an extension: the one that DuckDB has installed, or the one in the Python package."""
    try:
        connection.load_extension(extension)
        return None
    except duckdb.Error as error:
        module = importlib.util.find_spec(f"duckdb_extension_{extension}")
        if module is None:
            package = f"duckdb-extension-{extension.replace('_', '-')}"
            return (
                f"DuckDB's extension {extension} is not installed ({first_line(error)}); "
                f"the Python package {package}=={duckdb.__version__} brings it"
            )
    folder = Path(module.origin).parent / "extensions"
    try:
        connection.load_extension(
            str(folder / f"v{duckdb.__version__}" / f"{extension}.duckdb_extension")
        )
    except duckdb.Error as error:
        return f"DuckDB's extension {extension} cannot be loaded: {first_line(error)}"
    return None


def postgres_said(error: duckdb.Error) -> str:
    """What the server, or the network on the way to it, had to say."""
    said = re.search(r"connection to server (at|on) .*", str(error))
    return said.group() if said else "Postgres cannot be reached by this connection string"


def quoted(text: str) -> str:
    """A text of SQL."""
    return "'" + text.replace("'", "''") + "'"


def escaped(text: str) -> str:
    """A value in a connection string."""
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
