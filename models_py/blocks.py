"""Reading a view by fold and in blocks of users, so that it never stands in memory at once."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from models_py.columns import Columns
from models_py.tables import folds_of, rows_of


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
    """

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        view: duckdb.DuckDBPyRelation,
        fold_users: pa.Table,
        users_per_block: int,
    ) -> None:
        self.cursor = session.cursor()
        self.query = view.sql_query()
        self.n_users = {fold: len(rows_of(fold_users, fold=fold)) for fold in folds_of(fold_users)}
        self.users_per_block = users_per_block

    def blocks(self, fold: str) -> Iterator[pa.Table]:
        """Read the rows of a fold, a block of users at a time; users come whole, in any order."""
        n_blocks = max(1, -(-self.n_users.get(fold, 0) // self.users_per_block))
        for block in range(n_blocks):
            self.cursor.execute("set variable current_fold = $1", [fold])
            self.cursor.execute("set variable n_blocks = $1", [n_blocks])
            self.cursor.execute("set variable current_block = $1", [block])
            rows = self.cursor.sql(self.query).to_arrow_table()
            yield rows.sort_by([(Columns.USER_KEY, "ascending"), (Columns.ITEM_KEY, "ascending")])
