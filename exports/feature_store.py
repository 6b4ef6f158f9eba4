"""The feature store: what is published, in Feast, for training at any cutoff and for serving now.

``make features`` tells Feast what features there are (the folder ``features`` is a repository of
Feast's own kind) and brings the newest values of everybody online: into SQLite, or into Redis where
FORYOU_ONLINE_STORE says so. Every row online says which run it is of.
"""

import argparse
import contextlib
import io
import json
import os
import sqlite3
import sys
import threading
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import google.protobuf.message
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import redis
from feast import FeatureStore
from feast.errors import FeastError

from features.definitions import MODELS, TIMESTAMP, define, published_folder

REPOSITORY = Path("features")
# FORYOU_ONLINE_STORE → the file that describes such a store.
STORES = {"sqlite": "feature_store.yaml", "redis": "redis.yaml"}


class FeaturesUnavailableError(Exception):
    """Nothing to be had online of this user, and why.

    Parameters
    ----------
    reason : str
        ``missing``: nothing was brought online, or it is being filled anew. ``locked``: somebody
        keeps the file to themselves. ``unreachable``: no Redis answers in time. ``unknown_user``:
        the store is fine, and has no such user.
    message : str
        What was wrong, where, and what to do.
    """

    def __init__(
        self, reason: Literal["missing", "locked", "unreachable", "unknown_user"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Materialized:
    """What came online."""

    run_id: str
    cutoff_at: datetime
    """Up to when its features know what happened, UTC."""
    is_incremental: bool
    """Whether what was online before was added to, or all was brought anew."""
    n_rows: dict[str, int]
    """Feature view → its users or items at that cutoff."""


@dataclass(frozen=True)
class UserFeatures:
    """What is online of one user."""

    user_id: str
    run_id: str
    """The run that this is of, as its folder in ``exports/published`` and its manifest call it."""
    values: dict[str, float | str | None]
    """Feature, as the ranker calls it → its value; None where there is none."""


def open_store(repository: Path = REPOSITORY, timeout_seconds: float | None = None) -> FeatureStore:
    """Open the feature store that FORYOU_ONLINE_STORE names: ``sqlite``, or ``redis``.

    Parameters
    ----------
    repository : Path
        The folder with the files that describe it.
    timeout_seconds : float or None
        How long Redis is waited for; None: as long as it takes.

    Returns
    -------
    FeatureStore
        Feast's own.

    Raises
    ------
    ValueError
        When there is no store of that name, or FORYOU_REDIS_URL is not what it should be.
    """
    kind = online_store_kind()
    file = Path(repository) / STORES[kind]
    store = FeatureStore(repo_path=str(Path(repository).absolute()), fs_yaml_file=file)
    if kind == "redis":
        url = os.environ.get("FORYOU_REDIS_URL")
        if url:
            store.config.online_store.connection_string = connection_string(url)
        elif "FORYOU_REDIS_CONNECTION" not in os.environ:
            raise ValueError(
                "FORYOU_ONLINE_STORE is redis, but FORYOU_REDIS_URL is not set;"
                " set it to something like redis://localhost:6379/0"
            )
        if timeout_seconds is not None:
            # `null` is no retry: what does not answer the first time is not waited for again.
            store.config.online_store.connection_string += (
                f",socket_timeout={timeout_seconds},socket_connect_timeout={timeout_seconds}"
                ",retry=null"
            )
    return store


def online_store_kind() -> str:
    """Give what FORYOU_ONLINE_STORE says; ``sqlite`` where it says nothing.

    Raises
    ------
    ValueError
        When it is neither ``sqlite`` nor ``redis``.
    """
    kind = os.environ.get("FORYOU_ONLINE_STORE") or "sqlite"
    if kind not in STORES:
        raise ValueError(f"FORYOU_ONLINE_STORE is {kind!r}; it can be {' or '.join(STORES)}")
    return kind


def connection_string(url: str) -> str:
    """Say a Redis URL as Feast wants it.

    Raises
    ------
    ValueError
        When it is none, or one that Feast cannot be told. The message has no part of it: it may
        hold a password.

    Examples
    --------
    >>> connection_string("redis://:a,b@cache:6380/2")
    'cache:6380,password="a\\\\u002cb",db=2'
    """
    wrong = (
        "FORYOU_REDIS_URL should be redis:// or rediss://, with user:password@ or not, host:port/db"
    )
    try:
        options = redis.connection.parse_url(url)
    except ValueError:
        raise ValueError(wrong) from None
    connection_class = options.pop("connection_class", None)
    host, port = options.pop("host", "localhost"), options.pop("port", 6379)
    if "path" in options or ":" in host:
        raise ValueError(f"{wrong}; Feast knows no sockets, and no IPv6 addresses")
    if connection_class is redis.SSLConnection:
        options["ssl"] = True
    # Feast cuts at commas, then reads JSON: so a password of digits stays text.
    parts = (f"{key}={json.dumps(value)}".replace(",", "\\u002c") for key, value in options.items())
    return ",".join([f"{host}:{port}", *parts])


def materialize(published: Path, repository: Path = REPOSITORY, full: bool = False) -> Materialized:
    """Tell Feast what features there are, and bring those of the current run online.

    What is newer than what is online is added to it. All is brought anew where that would leave
    something of before: when the run ends earlier than what is online, when a user or item of
    before is not in it, or when another run was broken off. Until it is back, readers find nothing.

    Parameters
    ----------
    published : Path
        The folder of all that was published; its ``current`` run is read.
    repository : Path
        The repository of Feast.
    full : bool
        Bring all anew in any case.

    Returns
    -------
    Materialized
        What came online.

    Raises
    ------
    FileNotFoundError
        When nothing is published there.
    ValueError
        When what is published has no features at any time, or no store is configured as it should.
    redis.RedisError, sqlite3.Error, OSError
        When the online store cannot be written; ``make features`` goes on when it can.
    """
    published = Path(published)
    definitions = define(published)
    folder = (published / "current").resolve(strict=True)
    histories = {view: _history(folder, entity) for view, entity in MODELS.items()}
    moments = pa.concat_arrays(
        [chunk for history in histories.values() for chunk in history[TIMESTAMP].chunks]
    )
    if not len(moments):
        raise ValueError(
            f"{folder} has no features at any time; is `live` among the var `folds`? Build with it,"
            " and publish again"
        )
    first_at, last_at = (
        moment.replace(tzinfo=UTC) for moment in pc.min_max(moments).as_py().values()
    )
    store = open_store(repository)
    stamp = Stamp(repository)
    _write_ahead(store, repository)
    is_incremental = not full and _continues(store, stamp.read(), published, folder, histories)
    if is_incremental:
        stamp.write({**stamp.read(), "filling": folder.name})
        store.apply(definitions.objects)
        store.materialize_incremental(last_at)
    else:
        stamp.remove()
        _empty(store)
        store.apply(definitions.objects)
        store.materialize(first_at, last_at)
    if (published / "current").resolve() != folder:
        # Somebody published meanwhile, and some of it may have been read already.
        return materialize(published, repository)
    stamp.write({"run_id": folder.name, "filling": None})
    return Materialized(
        run_id=folder.name,
        cutoff_at=last_at,
        is_incremental=is_incremental,
        n_rows={
            view: len(_since(history, last_at).column(0)) for view, history in histories.items()
        },
    )


class Stamp:
    """Which run is online, noted beside the registry when all of it is.

    Parameters
    ----------
    repository : Path
        The repository of Feast.
    """

    def __init__(self, repository: Path) -> None:
        self.path = Path(repository) / "data" / f"filled-{online_store_kind()}.json"

    def read(self) -> dict | None:
        """Give the note, or None where nothing is online."""
        try:
            return json.loads(self.path.read_text())
        except FileNotFoundError:
            return None

    def write(self, note: dict) -> None:
        """Replace the note in one step."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(note) + "\n")
        os.replace(partial, self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def version(self) -> tuple[int, int]:
        """Tell one note from the next, the same words or not.

        Raises
        ------
        FileNotFoundError
            When there is none.
        """
        state = self.path.stat()
        return state.st_mtime_ns, state.st_ino


def _history(folder: Path, entity: str) -> pa.Table:
    file = folder / f"{entity}_feature_history.parquet"
    if not file.exists():
        raise FileNotFoundError(
            f"{file} is missing; what is published is of an earlier version:"
            " `make build publish` writes it again"
        )
    return pq.read_table(file, columns=[f"{entity}_id", TIMESTAMP])


def _since(history: pa.Table, moment: datetime) -> pa.Table:
    return history.filter(
        pc.greater_equal(
            history[TIMESTAMP], pa.scalar(moment.replace(tzinfo=None), pa.timestamp("us"))
        )
    )


def _continues(
    store: FeatureStore,
    note: dict | None,
    published: Path,
    folder: Path,
    histories: dict[str, pa.Table],
) -> bool:
    """Whether what is newer in this run replaces everything that is online."""
    if note is None or note["filling"] not in (None, folder.name):
        return False
    before = published.resolve() / note["run_id"]
    ends = {view.name: view.most_recent_end_time for view in store.list_feature_views()}
    for view, entity in MODELS.items():
        ended_at = ends.get(view)
        if ended_at is None or not (before / f"{entity}_feature_history.parquet").exists():
            return False
        ids = [_history(before, entity)[f"{entity}_id"], histories[view][f"{entity}_id"]]
        # Feast takes what is as old as the newest online, too: a run may say it anew.
        newer = _since(histories[view], ended_at)[f"{entity}_id"].combine_chunks()
        if not all(pc.all(pc.is_in(some, value_set=newer), min_count=0).as_py() for some in ids):
            return False
    return True


def _empty(store: FeatureStore) -> None:
    """Take our views off line, values and all, and leave the file to whoever has it open."""
    ours = [view for view in store.list_feature_views() if view.name in MODELS]
    store.apply([], objects_to_delete=ours, partial=False)


def _sqlite_file(store: FeatureStore, repository: Path) -> Path | None:
    if store.config.online_store.type != "sqlite":
        return None
    return Path(repository).absolute() / store.config.online_store.path


def _write_ahead(store: FeatureStore, repository: Path) -> None:
    """Let readers of SQLite read on while it is written; its file remembers that."""
    (Path(repository) / "data").mkdir(exist_ok=True)
    file = _sqlite_file(store, repository)
    if file is not None:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("pragma journal_mode = wal")


class OnlineFeatures:
    """Reads the features of users, one at a time, as fast as Feast does; safe between threads.

    No store is opened before the first user is asked for, and what ``make features`` brings is seen
    without a restart.

    Parameters
    ----------
    repository : Path
        The repository of Feast.
    timeout_seconds : float
        How long a locked file or a Redis that does not answer is waited for.

    Raises
    ------
    ValueError, FileNotFoundError
        When no store is configured as it should: see ``open_store``.
    """

    def __init__(self, repository: Path = REPOSITORY, timeout_seconds: float = 0.1) -> None:
        self.repository = Path(repository)
        self.timeout_seconds = timeout_seconds
        self._stamp = Stamp(self.repository)
        self._opening = threading.Lock()
        open_store(self.repository, self.timeout_seconds)  # what is set wrong is said now
        self._opened: tuple[tuple[int, int], FeatureStore, list[str]] | None = None

    def user(self, user_id: str) -> UserFeatures:
        """Give all features of a user, and the run that they are of.

        A user who is no longer in the current run may have the features of the last run that had
        them: compare ``run_id`` with that of the lists.

        Raises
        ------
        FeaturesUnavailableError
            When nothing is online, it cannot be read in time, or it has no such user.
        """
        try:
            store, names = self._store()
            self._look(store)
            answer = store.get_online_features(
                features=[f"user_features:{name}" for name in names],
                entity_rows=[{"user_id": user_id}],
            ).to_dict()
        except FileNotFoundError as error:
            raise FeaturesUnavailableError(
                "missing", f"{error.filename} is missing; `make features` fills the store"
            ) from error
        except sqlite3.OperationalError as error:
            reason = "locked" if "locked" in str(error) or "busy" in str(error) else "missing"
            raise FeaturesUnavailableError(
                reason,
                f"{self.repository}: SQLite says: {error}; `make features` fills the store, unless"
                " somebody keeps it to themselves",
            ) from error
        except redis.RedisError as error:
            raise FeaturesUnavailableError(
                "unreachable",
                f"Redis does not answer ({error}); does FORYOU_REDIS_URL name the right one?",
            ) from error
        except (FeastError, ValueError, google.protobuf.message.DecodeError) as error:
            # Views that were never filled; and `make features` writes the registry in place, so
            # that it can be read half.
            raise FeaturesUnavailableError(
                "missing", f"{self.repository}: Feast says: {error}; run `make features`"
            ) from error
        run_id = answer["user_run_id"][0]
        if run_id is None:
            raise FeaturesUnavailableError(
                "unknown_user", f"{self.repository} has no features of the user {user_id!r}"
            )
        values = {name: answer[name][0] for name in names if name != "user_run_id"}
        return UserFeatures(user_id, run_id, values)

    def _store(self) -> tuple[FeatureStore, list[str]]:
        version = self._stamp.version()
        opened = self._opened
        if opened is None or opened[0] != version:
            with self._opening:
                opened = self._opened
                if opened is None or opened[0] != version:
                    store = open_store(self.repository, self.timeout_seconds)
                    # Values of before are good until those of the next run are there.
                    store.config.registry.serve_features_while_materializing = True
                    view = store.get_feature_view("user_features", allow_registry_cache=True)
                    names = [field.name for field in view.features]
                    opened = self._opened = (version, store, names)
        return opened[1], opened[2]

    def _look(self, store: FeatureStore) -> None:
        """Fail where Feast would make a file that is not there, or wait five seconds for a lock."""
        file = _sqlite_file(store, self.repository)
        if file is None:
            return
        if not file.exists():
            self._opened = None
            raise FileNotFoundError(2, "No such file", str(file))
        with contextlib.closing(
            sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=self.timeout_seconds)
        ) as connection:
            connection.execute("select count(*) from sqlite_master").fetchone()


def main() -> int:
    """Bring the current run online; 0, or 1 when it cannot."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--published", type=Path, default=published_folder())
    parser.add_argument("--repository", type=Path, default=REPOSITORY)
    parser.add_argument("--full", action="store_true", help="all anew, not only what is newer")
    options = parser.parse_args()
    try:
        # Feast reports every step in colours, and shows what its own libraries are warned of.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            done = materialize(options.published, options.repository, options.full)
    except (FeastError, OSError, ValueError, redis.RedisError, sqlite3.Error) as error:
        print(f"foryou: no features online: {error}", file=sys.stderr)
        return 1
    rows = " and ".join(f"{n} rows of {view}" for view, n in done.n_rows.items())
    how = "what is newer" if done.is_incremental else "all anew"
    as_of = f"{done.cutoff_at:%Y-%m-%d %H:%M:%S} UTC"
    print(f"{rows} are online ({how}): run {done.run_id}, as of {as_of}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
