"""How much memory and disk dbt held at its highest between two times, for macros/end_run.sql.

A thread looks twenty times a second. Fits may keep Python's lock, and the thread out, for longer;
what happens then is in the high-water mark of the operating system: if that rose between two looks,
the peak lay between them.
"""

import os
import resource
import sys
import threading
import time
from array import array
from bisect import bisect_right

import duckdb
import psutil
from dbt.adapters.duckdb.plugins import BasePlugin

INTERVAL_SECONDS = 0.05
# The operating systems do not agree on the unit of their mark.
BYTES_OF_MARK = 1 if sys.platform == "darwin" else 1024


class Peaks:
    """What this process holds, looked at from ``start`` on; a value holds until the next."""

    def __init__(self) -> None:
        # Arrays, as objects would take part in the memory that is measured.
        self.times = array("d")
        self.memory = array("q")
        self.spill = array("q")
        self.spill_folder = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look, until the process ends. A process that was forked off has to start by itself."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="foryou_peaks", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        process, mark, last = psutil.Process(), _high_water_mark(), None
        while True:
            memory, previous, mark = process.memory_info().rss, mark, _high_water_mark()
            if mark > previous:
                memory = max(memory, mark)
            now = (memory, _size_of_spill(self.spill_folder))
            if now != last:
                self.memory.append(now[0])
                self.spill.append(now[1])
                self.times.append(time.time())
                last = now
            time.sleep(INTERVAL_SECONDS)

    def highest(self, what: str, since: float, until: float) -> int | None:
        """The highest value between two times.

        Parameters
        ----------
        what : ``memory``, resident, or ``spill``, DuckDB's temporary files
        since, until : seconds since 1970

        Returns
        -------
        Bytes, or None if nobody had looked until then.
        """
        values = {"memory": self.memory, "spill": self.spill}[what]
        first = max(bisect_right(self.times, since) - 1, 0)
        return max(values[first : bisect_right(self.times, until)], default=None)


def _high_water_mark() -> int:
    """The most that this process ever held, or the one that started it, if that was more."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_MARK


def _size_of_spill(folder: str) -> int:
    """Size of DuckDB's temporary files, which come and go."""
    size = 0
    try:
        for entry in os.scandir(folder):
            if entry.name.startswith("duckdb_temp_"):
                size += entry.stat().st_size
    except OSError:
        pass
    return size


# dbt may open the warehouse several times in one process.
PEAKS = Peaks()


class Plugin(BasePlugin):
    """Adds ``foryou_peak(what, since, until)`` to DuckDB's functions."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        conn.create_function(
            "foryou_peak",
            PEAKS.highest,
            ["varchar", "double", "double"],
            "bigint",
            null_handling="special",
            side_effects=True,
        )
        PEAKS.start()

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        # The settings of the profile are in force only now.
        [folder] = cursor.execute("select current_setting('temp_directory')").fetchone()
        PEAKS.spill_folder = os.path.abspath(folder) if folder else ""
