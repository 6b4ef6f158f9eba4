"""dbt in a process of its own, forked from one that has dbt and the learning libraries in memory
and has parsed the project before.

A new dbt process reads the project in eight seconds, a forked one in five. It is dbt's own
command line, with an environment, a folder and an output of its own.
"""

import multiprocessing
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["warm_dbt"])


def dbt(
    arguments: list[str], environment: dict[str, str], cwd=ROOT, file_size: int | None = None
) -> subprocess.CompletedProcess:
    """Run dbt to its end; output and error are one text. No file can grow above the file size."""
    with tempfile.NamedTemporaryFile("r", errors="replace") as output:
        process = SERVER.Process(
            target=_run, args=(arguments, environment, cwd, output.name, file_size)
        )
        # The first one starts the server, which Python 3.11 does not tell where modules are found.
        with patch.dict(os.environ, PYTHONPATH=str(Path(__file__).parent)):
            process.start()
        process.join()
        return subprocess.CompletedProcess(["dbt", *arguments], process.exitcode, output.read())


def _run(
    arguments: list[str], environment: dict[str, str], cwd: Path, output: str, file_size: int | None
) -> None:
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli

    try:
        cli(arguments)
    finally:
        # What dbt does at the end of a process, which forked ones leave out: the database is one
        # file again, without a log of what is still to be written to it.
        DuckDBConnectionManager.close_all_connections()
