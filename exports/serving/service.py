"""What the service holds while it runs: the run that is served, events, and answers."""

import asyncio
import logging
import math
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Counter, Gauge

from exports.serving.cache import LocalCache, RedisCache
from exports.serving.engine import Engine
from exports.serving.events import EventLog, LoggedEvent, RecentEvents
from exports.serving.run import BrokenRunError, Run
from exports.serving.settings import Settings

logger = logging.getLogger("foryou.serving")

SERVED = Counter("foryou_answers_total", "Answers, by the step that gave them.", ["served_by"])
CACHED = Counter("foryou_cached_answers_total", "Answers that were known already.")
EVENTS = Counter("foryou_events_total", "Events written down.")
RELOADS = Counter("foryou_reloads_total", "Runs opened, or refused.", ["outcome"])
RECENT = Gauge("foryou_recent_events", "Events that the served run has not read.")


class NothingPublishedError(Exception):
    """There is no run to serve."""


class Service:
    """Serves the current run, and the next one from when it is there.

    Parameters
    ----------
    settings : Settings
        Where everything is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recent = RecentEvents()
        self.log: EventLog | None = None
        self.engine: Engine | None = None
        self.refused: dict[str, str] = {}
        """Run → why it is not served."""
        self._refused_as: tuple[Path, int] | None = None
        if settings.redis_url is not None:
            self.cache = RedisCache(
                settings.redis_url.get_secret_value(), settings.cache_seconds, settings.cache_most
            )
        else:
            self.cache = LocalCache(settings.cache_seconds, settings.cache_most)
        self._user_features = self._open_feature_store()

    # ---------- runs ----------

    def current(self) -> Path | None:
        """Give the folder of the run that is the current one."""
        link = self.settings.published / "current"
        return link.resolve() if link.exists() else None

    def open(self, folder: Path) -> Engine:
        """Open a run, whole: nothing of it is looked for later, when it may have been pruned.

        Raises
        ------
        BrokenRunError
            When it cannot be served.
        """
        engine = Engine(Run(folder), self.recent, self._user_features)
        engine.warm_up()
        return engine

    def serve(self, engine: Engine) -> None:
        """Answer from a run from now on."""
        parameters = engine.run.parameters
        # A build that reads no log, or that of another service, has read no event of this one.
        is_read = parameters["event_log"] is not None and (
            Path(parameters["event_log"]).resolve() == self.settings.events.resolve()
        )
        read_until = (is_read and parameters["events_until"]) or 0.0
        # What comes now the build has not read, whatever the clock of this machine says.
        self.recent.not_before(read_until)
        folder = self.settings.events / (engine.run.manifest["dataset"] or "unknown")
        if self.log is None or self.log.folder != folder:
            if self.log is not None:
                self.log.close()
                self.recent.forget_before(math.inf)
            self.log = EventLog(folder)
            # What was acknowledged before this process began.
            self.recent.add(self.log.since(read_until))
        self.recent.forget_before(read_until)
        self.refused, self._refused_as = {}, None
        self.engine = engine
        self.cache.clear()
        RECENT.set(self.recent.n_events)

    def reload(self) -> bool:
        """Serve the current run if it is another; tell whether it is."""
        folder = self._wanted()
        if folder is None:
            return False
        engine = self._opened(folder)
        if engine is None:
            return False
        self.serve(engine)
        return True

    async def watch(self) -> None:
        """Look for another run for ever; what is being served is served until it is open."""
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            try:
                folder = self._wanted()
                if folder is not None:
                    engine = await asyncio.to_thread(self._opened, folder)
                    if engine is not None:
                        self.serve(engine)
            except Exception:
                logger.exception("looking for another run failed")

    def _wanted(self) -> Path | None:
        """Give the folder that is to be opened, if there is one."""
        folder = self.current()
        if folder is None:
            return None
        if self.engine is not None and self.engine.run.folder == folder:
            self.refused, self._refused_as = {}, None
            return None
        # One that was refused may have been published anew.
        return None if self._refused_as == (folder, _written_at(folder)) else folder

    def _opened(self, folder: Path) -> Engine | None:
        written_at = _written_at(folder)
        try:
            engine = self.open(folder)
        except BrokenRunError as error:
            self.refused = {folder.name: str(error)}
            self._refused_as = folder, written_at
            RELOADS.labels("refused").inc()
            logger.error("%s", error)
            return None
        RELOADS.labels("opened").inc()
        logger.info("run %s is served", engine.run.run_id, extra={"problems": engine.run.problems})
        return engine

    def _open_feature_store(self) -> Callable | None:
        if self.settings.feature_store is None:
            return None
        from exports.serving.store import StoredFeatures

        return StoredFeatures(self.settings.feature_store)

    # ---------- events ----------

    async def post(self, events: list[LoggedEvent]) -> None:
        """Write events down and heed them from now on.

        Raises
        ------
        NothingPublishedError
            When there is no run, so that nobody knows whose events these are.
        EventLogError
            When they cannot be written down; none of them counts.
        """
        if self.log is None:
            raise NothingPublishedError("nothing is published yet; `make publish` does")
        await self.log.append(events)
        self.recent.add(events)
        EVENTS.inc(len(events))
        RECENT.set(self.recent.n_events)


def _written_at(folder: Path) -> int:
    """Tell a run from another that stands in its place."""
    try:
        return (folder / "manifest.json").stat().st_mtime_ns
    except OSError:
        return 0
