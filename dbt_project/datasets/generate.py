"""Make the data sets of datasets.yml that nobody publishes, for trying a size: all of it is SQL.

``synthetic`` draws people, items and ratings in the shape of MovieLens 25M; ``expansion`` makes a
real data set many times as large. The same entry gives the same files, byte for byte.
"""

from pathlib import Path

import duckdb
from tqdm import tqdm

SQL = Path(__file__).with_name("synthetic")
# So many users are drawn at once: what is drawn for them stands in memory.
USERS_AT_ONCE = 10_000
MEMORY_LIMIT = "4GB"


def generate(entry: dict, folder: Path, real: Path | None = None) -> None:
    """Write the files of a data set into a folder.

    Parameters
    ----------
    entry : dict
        Of the registry, with the method ``synthetic`` (``n_events``: how many ratings, about) or
        ``expansion`` (``n_copies``: how many times as many), and ``seed``.
    folder : Path
        Where to write.
    real : Path, optional
        The folder of the data set that is expanded, in the format of MovieLens 1M.
    """
    with duckdb.connect(folder / ".generating.duckdb") as connection:
        connection.execute("set memory_limit = $1", [MEMORY_LIMIT])
        connection.execute("set variable seed = $1", [str(entry["seed"])])
        connection.execute(_sql("draws"))
        if entry["method"] == "synthetic":
            _draw(connection, entry["n_events"], folder)
        else:
            _expand(connection, entry["n_copies"], real, folder)
    for path in folder.glob(".generating.duckdb*"):
        path.unlink()


def _draw(connection: duckdb.DuckDBPyConnection, n_events: int, folder: Path) -> None:
    connection.execute("set variable n_events = $1", [n_events])
    connection.execute(_sql("catalogue"))
    connection.sql(_sql("movies")).write_csv(str(folder / "movies.csv"), header=True)
    (n_users,) = connection.sql("select n_users from settings").fetchone()
    create = "create table ratings as "
    for first in tqdm(range(1, n_users + 1, USERS_AT_ONCE), desc="users", unit="block"):
        connection.execute("set variable first_user = $1", [first])
        connection.execute("set variable last_user = $1", [first + USERS_AT_ONCE - 1])
        connection.execute(create + _sql("ratings"))
        create = "insert into ratings "
    connection.sql("from ratings").write_csv(str(folder / "ratings.csv"), header=True)
    connection.sql(_sql("tags")).write_csv(str(folder / "tags.csv"), header=True)


def _expand(connection: duckdb.DuckDBPyConnection, n_copies: int, real: Path, folder: Path) -> None:
    connection.execute("set variable real = $1", [str(real)])
    connection.execute("set variable n_copies = $1", [n_copies])
    connection.execute(_sql("expansion"))
    for name in ("ratings", "users", "movies"):
        _write_dat(connection.table(name), folder / f"{name}.dat")


def _write_dat(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    """Write rows as MovieLens 1M does: columns parted by two colons, in Latin-1."""
    lines = rows.order("all").project(f"concat_ws('::', {', '.join(rows.columns)})")
    with path.open("w", encoding="latin-1", newline="\n") as file:
        while block := lines.fetchmany(100_000):
            file.writelines(f"{line}\n" for (line,) in block)


def _sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")
