"""How DuckDB gets to other databases: extensions without a download, secrets that nobody sees."""

import importlib.util
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb


def attach_postgres(
    connection: duckdb.DuckDBPyConnection, name: str, text: str, read_only: bool = True
) -> None:
    """Attach a Postgres database; user and password go by a secret that lives in memory only.

    Raises ValueError where the text is no connection string.

    DuckDB quotes the string that a database was attached by in each of its errors, such as when
    the server goes away during a build. It quotes nothing of a secret.
    """
    parameters = connection_parameters(text)
    hidden = {key: parameters.pop(key) for key in ("user", "password") if key in parameters}
    options = "type postgres, read_only" if read_only else "type postgres"
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
    """What the server, or the network on the way to it, had to say.

    DuckDB repeats the whole statement before, and where the server is.
    """
    said = re.search(
        r"connection to server (?:at|on) .*|(?<=ERROR:  ).*|(?<=FATAL:  ).*"
        r"|server closed the connection unexpectedly",
        str(error),
    )
    return said.group() if said else "Postgres cannot be reached by this connection string"


def quoted(text: str) -> str:
    """A text of SQL."""
    return "'" + text.replace("'", "''") + "'"


def escaped(text: str) -> str:
    """A value in a connection string."""
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
