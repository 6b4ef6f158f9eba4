"""Takes the warehouse: says who holds it, clears away what a build that was killed had left."""

import re
from datetime import datetime
from pathlib import Path

import duckdb
import psutil
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Opens the warehouse before dbt does, which would meet a lock with pages of its own code."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict) -> None:
        try:
            with duckdb.connect(creds.path, config=config) as connection:
                [folder] = connection.execute("select current_setting('temp_directory')").fetchone()
                # A folder of the user's own may be shared with other warehouses.
                if folder == f"{creds.path}.tmp":
                    remove_spill(Path(folder))
        except duckdb.IOException as error:
            holder = re.search(r"\(PID (\d+)\)", str(error))
            if holder is None:
                raise
            # Of a RuntimeError dbt prints the words and no traceback.
            raise RuntimeError(
                f"{creds.path} is held by {process(int(holder[1]))}. Nothing was changed. Wait"
                " until it ends, or build into another file: FORYOU_DATABASE=other.duckdb"
            ) from error


def remove_spill(folder: Path) -> None:
    """Remove the temporary files of a process that was killed, whose warehouse this one holds.

    DuckDB does as well, but when it is done: until then what is new would need its room beside
    them, and count together with them.
    """
    began_at = psutil.Process().create_time()
    for file in folder.glob("duckdb_temp_*"):
        if file.stat().st_mtime < began_at:
            file.unlink()


def process(pid: int) -> str:
    """Name a process: its id, what it runs, and since when."""
    try:
        its = psutil.Process(pid)
        began_at = datetime.fromtimestamp(its.create_time()).astimezone()
        return (
            f"process {pid} ({' '.join(its.cmdline())[:200]}), since {began_at:%Y-%m-%d %H:%M:%S}"
        )
    except psutil.Error:
        return f"process {pid}, which is another user's or has ended by now"
