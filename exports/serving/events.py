"""What people do while the service runs: written down before it is acknowledged, and remembered.

The log is a folder of JSON lines, ``exports/events/<dataset>/``, which the next build reads as
interactions. What the build that is served has not read is kept in memory, newest last.
"""

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exports.serving.person import Event

logger = logging.getLogger("foryou.serving")

# More of one person's events between two builds are in the log, but not heeded until the next.
MOST_OF_A_PERSON = 200


class EventLogError(Exception):
    """Events that could not be written down; none of them counts."""


@dataclass(frozen=True)
class LoggedEvent:
    """An event as it stands in the log."""

    event_id: str
    event: Event
    received_at: float
    """Seconds since 1970, UTC, by a clock that never goes back."""

    def line(self, seq: int) -> bytes:
        """Write it as a line, the seq-th of its file."""
        event = self.event
        row = {
            "seq": seq,
            "event_id": self.event_id,
            "user_id": event.user_id,
            "item_id": event.item_id,
            "event_type": event.event_type,
            "value": event.value,
            "occurred_at": _text(event.occurred_at),
            "received_at": _text(self.received_at),
        }
        # All ASCII: a line that was torn is text still, and the build can read the file.
        return json.dumps(row).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "LoggedEvent":
        """Read a line.

        Raises
        ------
        ValueError
            When it is none, such as the last one of a process that was killed.
        """
        try:
            row = json.loads(line)
            event = Event(
                row["user_id"],
                row["item_id"],
                row["event_type"],
                row["value"],
                _seconds(row["occurred_at"]),
            )
            return cls(row["event_id"], event, _seconds(row["received_at"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no event: {line[:100]!r}") from error


class EventLog:
    """Appends events to a file of its own, and says so only when they are on the disk.

    Requests that come while the disk is busy are written together, with one fsync (group commit).

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._path: Path | None = None
        self._seq = 0
        self._size = 0
        # A file is not closed while it is written to.
        self._writing = threading.Lock()
        self._waiting: deque[tuple[list[LoggedEvent], asyncio.Future]] = deque()
        self._writer: asyncio.Task | None = None

    async def append(self, events: list[LoggedEvent]) -> None:
        """Write events down, all of them or none.

        Raises
        ------
        EventLogError
            When the disk is full or cannot be written to.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            events = [event for events, _ in batch for event in events]
            try:
                await asyncio.to_thread(self.write, events)
            except Exception as error:  # noqa: BLE001 - whoever waits must be told
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)

    def write(self, events: Iterable[LoggedEvent]) -> None:
        """Write events and wait for the disk; what was written in part is taken back."""
        with self._writing:
            self._write(events)

    def _write(self, events: Iterable[LoggedEvent]) -> None:
        try:
            file = self._open()
            lines = b"".join(event.line(seq) for seq, event in enumerate(events, self._seq + 1))
            view = memoryview(lines)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        except OSError as error:
            self._take_back()
            raise EventLogError(
                f"events cannot be written to {self.folder}: {error.strerror or error};"
                " make room there, and post them again"
            ) from error
        self._seq += lines.count(b"\n")
        self._size += len(lines)

    def _open(self) -> int:
        if self._file is None:
            is_new = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"events-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}.jsonl"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._path = self.folder / name
            self._file = os.open(self._path, flags, 0o644)
            self._seq = self._size = 0
            # The name of a file is on the disk when its folder is.
            for folder in (self.folder, *([self.folder.parent] if is_new else [])):
                entry = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(entry)
                finally:
                    os.close(entry)
        return self._file

    def _take_back(self) -> None:
        """Cut the file where it was, and begin another: what the disk holds is not certain."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._size)
            if not self._size:
                # While there is no room, each try would leave another.
                self._path.unlink()
        except OSError:
            logger.exception("the event log could not be cut back")
        finally:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        """Close the file; another write opens a new one."""
        with self._writing:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def since(self, received_at: float) -> list[LoggedEvent]:
        """Read what was received from a time on, in the order of receipt.

        Lines that cannot be read, such as the last one of a process that was killed, were never
        acknowledged and are passed over; the build keeps them as rejected rows.
        """
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            newest_first = []
            # From the end, as far as it is needed: times of receipt never go back within a file.
            # Those of files may, with the clock of the machine.
            for line in reversed(path.read_bytes().splitlines()):
                try:
                    event = LoggedEvent.of(line)
                except ValueError:
                    continue
                if event.received_at < received_at:
                    break
                newest_first.append(event)
            found += reversed(newest_first)
        return sorted(found, key=lambda event: event.received_at)


class RecentEvents:
    """What each person did that the build which is served has not read.

    What is known of a person has a name, made of all that happened: with anything more it is
    another, in this process and in the next.
    """

    def __init__(self) -> None:
        self._events: dict[str, deque[LoggedEvent]] = {}
        self._generations: dict[str, str] = {}
        self._last = 0.0
        self.n_events = 0

    def now(self) -> float:
        """Tell the time; it always goes on, whatever the clock of the machine does.

        In whole microseconds, as the log has it: so the order of receipt outlives the process.
        """
        self._last = max(round(self._last + 1e-6, 6), round(time.time(), 6))
        return self._last

    def not_before(self, seconds: float) -> None:
        """Let the time not be before another, such as the one up to which the build has read."""
        self._last = max(self._last, seconds)

    def add(self, events: Iterable[LoggedEvent]) -> None:
        """Remember events; one that is known by its id already is not remembered twice."""
        for logged in events:
            self._last = max(self._last, logged.received_at)
            user_id = logged.event.user_id
            own = self._events.setdefault(user_id, deque(maxlen=MOST_OF_A_PERSON))
            if any(its.event_id == logged.event_id for its in own):
                continue
            self.n_events += len(own) < MOST_OF_A_PERSON
            own.append(logged)
            known = f"{self.generation(user_id)} {logged.event_id}"
            self._generations[user_id] = hashlib.blake2b(known.encode(), digest_size=8).hexdigest()

    def of(self, user_id: str) -> list[Event]:
        """Give a person's events, oldest first."""
        return [logged.event for logged in self._events.get(user_id, ())]

    def generation(self, user_id: str) -> str:
        """Give the name of what is known of a person."""
        return self._generations.get(user_id, "")

    def forget_before(self, received_at: float) -> None:
        """Forget what a newer build has read."""
        for user_id in list(self._events):
            own = self._events[user_id]
            kept = [logged for logged in own if logged.received_at >= received_at]
            self.n_events -= len(own) - len(kept)
            if kept:
                self._events[user_id] = deque(kept, maxlen=MOST_OF_A_PERSON)
            else:
                del self._events[user_id]
                self._generations.pop(user_id, None)


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
