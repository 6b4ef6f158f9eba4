"""Real servers for tests, each on a free port that only this machine reaches."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@dataclass
class Postgres:
    """A Postgres with the superuser shop."""

    port: int
    stop: Callable[[], None]

    def connection_string(self, password: str, user: str = "shop") -> str:
        escaped = password.replace("'", "\\'")
        return f"host=127.0.0.1 port={self.port} user={user} dbname=postgres password='{escaped}'"

    def address(self, password: str) -> str:
        """The same in the other form."""
        return f"postgresql://shop:{quote(password, safe='')}@127.0.0.1:{self.port}/postgres"


@contextlib.contextmanager
def postgres_server(folder: Path, password: str) -> Iterator[Postgres]:
    """Run a Postgres below a folder; the test is skipped where there is none to run."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("Postgres is not installed (Debian's package postgresql)")
    folder = folder / "postgres"
    run_as = []
    if os.geteuid() == 0:
        # Postgres does not run as root, and its user does not get into pytest's folders.
        if not shutil.which("runuser"):
            pytest.skip("there is no runuser to start Postgres as another user than root")
        run_as = ["runuser", "-u", "postgres", "--"]
        made = subprocess.check_output([*run_as, "mktemp", "-d"], cwd="/", text=True)
        folder = Path(made.strip())
    data = folder / "data"

    def run(program: str, *arguments: str, **options) -> None:
        # A captured output would be handed on to the server, and pytest would wait for its end.
        subprocess.run(
            [*run_as, program, *arguments],
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
            **options,
        )

    def stop() -> None:
        if data.exists() and (data / "postmaster.pid").exists():
            run(str(programs[-1] / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")

    port = free_port()
    try:
        # The password reaches initdb by a pipe that its user owns.
        initdb = '"$0" -D "$1" -U shop -A scram-sha-256 --no-sync --pwfile=<(cat)'
        program = str(programs[-1] / "initdb")
        run("bash", "-c", initdb, program, str(data), input=password, text=True)
        options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        log = str(folder / "log")
        run(str(programs[-1] / "pg_ctl"), "-D", str(data), "-o", options, "-l", log, "-w", "start")
        yield Postgres(port, stop)
    finally:
        stop()
        run("rm", "-rf", str(folder))


@dataclass
class Redis:
    """A Redis that keeps nothing on disk."""

    port: int

    def url(self, password: str) -> str:
        return f"redis://:{quote(password, safe='')}@127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def redis_server(folder: Path, password: str, port: int | None = None) -> Iterator[Redis]:
    """Run a Redis below a folder; the test is skipped where there is none to run."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed (Debian's package redis-server)")
    port = port or free_port()
    settings = (
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\nappendonly no\n"
        f"dir {folder}\nlogfile {folder / 'redis.log'}\n"
    )
    # By a pipe, so that the password is on no command line.
    process = subprocess.Popen(
        [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        process.stdin.write(settings)
        process.stdin.close()
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)
        yield Redis(port)
    finally:
        process.kill()
        process.wait()
