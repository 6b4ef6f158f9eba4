"""Reading by fold, and in blocks of users, so that nothing stands in memory at once."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from models_py.columns import Columns
from models_py.memory import arrow
from models_py.tables import folds_of, rows_of


def by_fold(
    session: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation
) -> Iterator[pa.Table]:
    """Read the rows of each fold, in the order of their names.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection
        Where the relation is; it is read through a cursor, since what is made of it may be written
        meanwhile.
    relation : duckdb.DuckDBPyRelation
        One row per fold and whatever else: fold.

    Yields
    ------
    pa.Table
        One for each fold that has a row.

    Raises
    ------
    MemoryError
        When there is no room for one.
    """
    rows = session.cursor().sql(relation.sql_query())
    folds = rows.select(Columns.FOLD).distinct().order(Columns.FOLD).fetchall()
    for (fold,) in folds:
        is_its = duckdb.ColumnExpression(Columns.FOLD) == duckdb.ConstantExpression(fold)
        yield arrow(rows.filter(is_its))


class BlockReader:
    """Reads a view that heeds the variables of the materialization ``by_fold``.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection
        Where the view is; it is read through a cursor, which has variables of its own.
    view : duckdb.DuckDBPyRelation
        The view, as ``dbt.ref`` gives it.
    fold_users : pa.Table
        One row per fold and user who is given recommendations.
    users_per_block : int
        Users read at once.
    only_changed : bool
        Whether only users of whom something new is known are read.
    """

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        view: duckdb.DuckDBPyRelation,
        fold_users: pa.Table,
        users_per_block: int,
        only_changed: bool = False,
    ) -> None:
        self.cursor = session.cursor()
        self.query = view.sql_query()
        self.users = {
            fold: np.sort(rows_of(fold_users, fold=fold)[Columns.USER_KEY].to_numpy())
            for fold in folds_of(fold_users)
        }
        self.users_per_block = users_per_block
        if only_changed:
            self.cursor.execute("set variable only_changed = true")

    def blocks(self, fold: str) -> Iterator[pa.Table]:
        """Read the rows of a fold, a block of users at a time; users come whole, in any order."""
        users = self.users.get(fold, np.empty(0, dtype=int))
        # A fold without users has one block, which is empty: its columns are known by it.
        for start in range(0, max(1, len(users)), self.users_per_block):
            block = users[start : start + self.users_per_block]
            first, last = (int(block[0]), int(block[-1])) if len(block) else (1, 0)
            self.cursor.execute("set variable current_fold = $1", [fold])
            self.cursor.execute("set variable first_user = $1", [first])
            self.cursor.execute("set variable last_user = $1", [last])
            rows = self.cursor.sql(self.query).to_arrow_table()
            yield rows.sort_by([(Columns.USER_KEY, "ascending"), (Columns.ITEM_KEY, "ascending")])
