"""Postgres: one schema of tables, whose rows one transaction replaces.

The tables stay, so that grants, and views that others have made on them, do too. Readers lock out
nothing and are locked out by nothing: until the commit everybody reads the rows before, also in
joins and in transactions that go on for hours. A sender that is killed leaves nothing behind, since
Postgres rolls back what was not committed. The table published_run tells which run is visible.
"""

import contextlib
import ctypes
import json
from collections.abc import Iterator

import duckdb
from duckdb.sqltypes import DuckDBPyType
from tqdm import tqdm

from exports.connections import attach_postgres, load, postgres_said, quoted
from exports.targets import NotSentError, PublishedRun, from_environment, plain_word

VARIABLE = "FORYOU_POSTGRES"
SCHEMA_VARIABLE = "FORYOU_POSTGRES_SCHEMA"
# What one row of a table is, where it is something that applications look up.
PRIMARY_KEYS = {
    "recommendations": ("user_id", "rank"),
    "similar_items": ("item_id", "rank"),
    "cold_start_recommendations": ("kind", "audience", "rank"),
    "items": ("item_id",),
    "users": ("user_id",),
    "user_items": ("user_id", "item_id"),
    "user_features": ("user_id",),
    "item_features": ("item_id",),
    "feature_definitions": ("feature",),
    "vectors": ("source", "entity", "id"),
}
# An attribute may be a text too long for a key.
INDEXES = {"item_attributes": ("item_id",)}
RUN_COLUMNS = {
    "run_id": "text",
    "published_at": "timestamp with time zone",
    "dataset": "text",
    "data_fingerprint": "text",
    "commit": "text",
    "sent_at": "timestamp with time zone",
    "n_rows": "jsonb",
}
TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20,0)",
    "HUGEINT": "numeric(38,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "BLOB": "bytea",
    "UUID": "uuid",
    "JSON": "jsonb",
    "DATE": "date",
    "TIME": "time without time zone",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone",
    "TIMESTAMP_NS": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
# How long a lock is waited for: another sender's, or one that somebody took for maintenance.
LOCK_TIMEOUT = "15s"
# A new column needs a lock that waits for readers, and they behind it; so it gives up sooner.
ALTER_TIMEOUT = "3s"


def postgres_type(kind: DuckDBPyType) -> tuple[str, str]:
    """Tell how a type of DuckDB is kept in Postgres.

    Returns
    -------
    tuple[str, str]
        The type, spelt as Postgres spells it, and what DuckDB casts to before it hands it over.

    >>> postgres_type(duckdb.sqltype("FLOAT[64]"))
    ('real[]', 'FLOAT[]')
    >>> postgres_type(duckdb.sqltype("DECIMAL(9, 2)"))
    ('numeric(9,2)', 'DECIMAL(9,2)')
    >>> postgres_type(duckdb.sqltype("STRUCT(a INTEGER)[]"))
    ('jsonb', 'JSON')
    """
    name = str(kind)
    if name in TYPES:
        # DuckDB's extension hands over what Postgres has too.
        to = {
            "numeric(20,0)": "DECIMAL(20,0)",
            "numeric(38,0)": "DECIMAL(38,0)",
            "smallint": "SMALLINT",
            "integer": "INTEGER",
            "bigint": "BIGINT",
            "timestamp without time zone": "TIMESTAMP",
        }.get(TYPES[name], name)
        return TYPES[name], to
    if kind.id == "decimal":
        return name.replace("DECIMAL", "numeric").replace(" ", ""), name
    if kind.id == "enum":
        return "text", "VARCHAR"
    if kind.id in ("list", "array"):
        inner, to = postgres_type(kind.children[0][1])
        # An array of arrays must be rectangular in Postgres, which a list of lists is not.
        if not inner.endswith("[]") and inner != "jsonb":
            return f"{inner}[]", f"{to}[]"
    return ("text", "VARCHAR") if kind.id in ("interval", "bit") else ("jsonb", "JSON")


def send(run: PublishedRun) -> str:
    """Make a run what the schema holds.

    Parameters
    ----------
    run : PublishedRun
        What to send. FORYOU_POSTGRES holds the connection string, FORYOU_POSTGRES_SCHEMA the schema
        (default ``foryou``), which is made if it is not there.

    Returns
    -------
    str
        How many rows were sent, or that this run was there already.

    Raises
    ------
    NotSentError
        When Postgres cannot be reached or does not take it; the rows before stay visible.
    """
    text = from_environment(VARIABLE, "a connection string, postgresql://… or host=… user=…")
    schema = plain_word(SCHEMA_VARIABLE, "foryou")
    connection = duckdb.connect()
    can_be_closed = True
    try:
        if problem := load(connection, "postgres_scanner"):
            raise NotSentError(f"{problem}, and so does the extra: pip install 'foryou[postgres]'")
        try:
            attach_postgres(connection, "target", text, read_only=False)
        except ValueError:
            raise NotSentError(
                f"{VARIABLE} holds no connection string, neither postgresql://… nor host=… user=…"
            ) from None
        except duckdb.Error as error:
            raise NotSentError(f"{VARIABLE}: {postgres_said(error)}") from None
        return _Sender(connection, schema).send(run)
    except (duckdb.InternalException, duckdb.FatalException) as error:
        # The server went away while rows were copied. DuckDB 1.5 would roll back on closing, fail,
        # and abort the process; so this connection stays open until the process ends.
        can_be_closed = False
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        raise NotSentError(f"schema {schema}: {postgres_said(error)}; send again") from None
    except duckdb.Error as error:
        said = postgres_said(error)
        raise NotSentError(f"schema {schema}: {said}{_remedy(said)}") from None
    finally:
        if can_be_closed:
            connection.close()


def _remedy(said: str) -> str:
    """What to do about it."""
    if "lock timeout" in said:
        return (
            "; somebody has locked its tables, another that sends perhaps, or, where a column is"
            " new, one that reads for long: pg_stat_activity shows who. Send again afterwards"
        )
    if "could not serialize" in said or "already exists" in said:
        return "; another run was sent at the same time. Send again"
    if "permission denied" in said or "must be owner" in said:
        return (
            "; the role needs `create` on the database, or on a schema that is there, and owns the"
            " tables"
        )
    return ""


class _Sender:
    """A connection of DuckDB to which Postgres is attached as ``target``, and a schema there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str) -> None:
        self.connection = connection
        self.schema = schema
        # Postgres has no text with a zero byte.
        connection.execute("set pg_null_byte_replacement = '\ufffd'")

    def execute(self, statement: str) -> None:
        """Run a statement of Postgres."""
        self.connection.execute("call postgres_execute('target', $1)", [statement])

    def query(self, query: str) -> list[tuple]:
        """Ask Postgres; the columns of the answer need different names."""
        return self.connection.execute(f"from postgres_query('target', {quoted(query)})").fetchall()

    def name(self, table: str) -> str:
        return f'"{self.schema}"."{table}"'

    @contextlib.contextmanager
    def transaction(self, lock_timeout: str) -> Iterator[None]:
        """Do all that is within, or nothing."""
        self.connection.execute("begin")
        try:
            # A machine that lost its power keeps its locks until Postgres misses it.
            self.execute(
                f"set local lock_timeout = '{lock_timeout}'; set local tcp_keepalives_idle = 60;"
                " set local tcp_keepalives_interval = 10; set local tcp_keepalives_count = 3"
            )
            yield
            self.connection.execute("commit")
        except BaseException:
            # Where DuckDB or Postgres has rolled back by itself, there is nothing to roll back.
            with contextlib.suppress(duckdb.Error):
                self.connection.execute("rollback")
            raise

    def send(self, run: PublishedRun) -> str:
        there = self.columns()
        former_id, ours = self.former() if "published_run" in there else (None, [])
        if former_id == run.run_id:
            return f"run {run.run_id} is there already, nothing was changed"
        own = {"published_run", *ours} if ours else set()
        if strange := sorted({"published_run", *run.tables} & there.keys() - own):
            raise NotSentError(
                f"schema {self.schema} has a table {strange[0]} that foryou did not make, and it is"
                f" left alone; name another schema in {SCHEMA_VARIABLE}"
            )
        wanted = {
            table: {column: postgres_type(kind) for column, kind in self.parquet(run, table)}
            for table in run.tables
        }
        self.add_columns(there, wanted)
        with self.transaction(LOCK_TIMEOUT):
            if own:
                # Two that send come one after the other; whoever only reads is not held up.
                self.execute(f"lock table {self.name('published_run')} in exclusive mode")
            elif not self.query(
                f"select 1 as found from pg_namespace where nspname = {quoted(self.schema)}"
            ):
                self.execute(f'create schema "{self.schema}"')
            n_rows = self.replace(run, wanted, there, ours)
        return f"{n_rows:,} rows in {len(wanted)} tables of schema {self.schema}, run {run.run_id}"

    def columns(self) -> dict[str, dict[str, str]]:
        """Table → column → type, of all tables of the schema."""
        there: dict[str, dict[str, str]] = {}
        for table, column, kind in self.query(
            f"""
            select
                tables.relname::text as table_name,
                columns.attname::text as column_name,
                format_type(columns.atttypid, columns.atttypmod) as type_name
            from pg_class as tables
            inner join pg_namespace as schemas on tables.relnamespace = schemas.oid
            inner join pg_attribute as columns on tables.oid = columns.attrelid
            where
                schemas.nspname = {quoted(self.schema)}
                and tables.relkind in ('r', 'p', 'v', 'm', 'f')
                and columns.attnum > 0
                and not columns.attisdropped
            order by tables.relname, columns.attnum
            """
        ):
            there.setdefault(table, {})[column] = kind
        return there

    def former(self) -> tuple[str, list[str]]:
        """The run that is visible, and the tables that were ever sent."""
        [(run_id, tables)] = self.query(
            f"select run_id, n_rows::text as n_rows from {self.name('published_run')}"
        )
        return run_id, list(json.loads(tables))

    def parquet(self, run: PublishedRun, table: str) -> list[tuple[str, DuckDBPyType]]:
        relation = self.connection.read_parquet(str(run.file(table)))
        return list(zip(relation.columns, relation.types, strict=True))

    def add_columns(self, there: dict, wanted: dict) -> None:
        """Make room for columns that are new; those that are gone stay, and hold nothing."""
        additions = []
        for table in wanted.keys() & there.keys():
            for column, (kind, _) in wanted[table].items():
                if column not in there[table]:
                    additions.append((table, f"{identifier(column)} {kind}"))
                elif there[table][column] != kind:
                    raise NotSentError(
                        f"{self.schema}.{table}.{column} is {there[table][column]} and has become"
                        f" {kind}; name a new schema in {SCHEMA_VARIABLE}, or drop this one"
                    )
        for table, column in sorted(additions):
            # On its own: readers of this table wait while it is done, and behind it for the lock.
            with self.transaction(ALTER_TIMEOUT):
                self.execute(f"alter table {self.name(table)} add column if not exists {column}")

    def replace(self, run: PublishedRun, wanted: dict, there: dict, ours: list[str]) -> int:
        self.create("published_run", RUN_COLUMNS, there)
        for table, columns in wanted.items():
            kinds = {column: kind for column, (kind, _) in columns.items()}
            self.create(table, kinds, there)
        # All that was ever sent: of a table that this run has not, nothing is left.
        for table in ["published_run", *dict.fromkeys([*ours, *run.tables])]:
            self.execute(f"delete from {self.name(table)}")
        # DuckDB looks again, and sees the tables that this transaction has made.
        self.connection.execute("call pg_clear_cache()")
        counts = {}
        for table, columns in tqdm(wanted.items(), desc="postgres", disable=None, leave=False):
            names = ", ".join(map(identifier, columns))
            values = ", ".join(f"{identifier(column)}::{to}" for column, (_, to) in columns.items())
            [(counts[table],)] = self.connection.execute(
                f"insert into target.{self.name(table)} ({names})"
                f" select {values} from read_parquet($1)",
                [str(run.file(table))],
            ).fetchall()
            # Once it is filled, which is faster.
            if table not in there and table in PRIMARY_KEYS:
                key = ", ".join(map(identifier, PRIMARY_KEYS[table]))
                self.execute(f"alter table {self.name(table)} add primary key ({key})")
            if table not in there and table in INDEXES:
                key = ", ".join(map(identifier, INDEXES[table]))
                self.execute(f"create index on {self.name(table)} ({key})")
            self.execute(f"analyze {self.name(table)}")
        described = ("published_at", "dataset", "data_fingerprint", "commit")
        self.connection.execute(
            f"insert into target.{self.name('published_run')}"
            f" ({', '.join(map(identifier, RUN_COLUMNS))})"
            " select $1, $2::timestamptz, $3, $4, $5, now(), $6::json",
            [
                run.run_id,
                *(run.manifest.get(what) for what in described),
                json.dumps(dict.fromkeys(ours, 0) | counts),
            ],
        )
        return sum(counts.values())

    def create(self, table: str, columns: dict[str, str], there: dict) -> None:
        if table not in there:
            lines = ", ".join(f"{identifier(column)} {kind}" for column, kind in columns.items())
            self.execute(f"create table {self.name(table)} ({lines})")


def identifier(name: str) -> str:
    """A name in SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
