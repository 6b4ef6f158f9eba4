"""Says who holds the warehouse when another build, or a reader, has it open."""

import re
from datetime import datetime

import duckdb
import psutil
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Opens the warehouse before dbt does, which would meet a lock with pages of its own code."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict) -> None:
        try:
            duckdb.connect(creds.path, config=config).close()
        except duckdb.IOException as error:
            holder = re.search(r"\(PID (\d+)\)", str(error))
            if holder is None:
                raise
            # Of a RuntimeError dbt prints the words and no traceback.
            raise RuntimeError(
                f"{creds.path} is held by {process(int(holder[1]))}. Nothing was changed. Wait"
                " until it ends, or build into another file: FORYOU_DATABASE=other.duckdb"
            ) from error


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
