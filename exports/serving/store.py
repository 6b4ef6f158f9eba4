"""The features of users out of the feature store, where it has those of the run that is served."""

import logging
import time
from pathlib import Path

from prometheus_client import Counter

from exports.feature_store import FeaturesUnavailableError, OnlineFeatures
from exports.serving.run import Run

logger = logging.getLogger("foryou.serving")

FAILED = Counter(
    "foryou_feature_store_failures_total",
    "Users whose features the feature store did not give, by reason.",
    ["reason"],
)
# The store is fine: it only has no such user.
OF_THE_USER = "unknown_user"


class StoredFeatures:
    """Reads a user's features, and says so once where it cannot.

    Parameters
    ----------
    repository : Path
        The repository of Feast.
    pause : float
        Seconds in which a store that did not answer is left alone, so that not every answer waits.

    Raises
    ------
    ValueError
        When FORYOU_ONLINE_STORE or FORYOU_REDIS_URL is not what it should be.
    """

    def __init__(self, repository: Path, pause: float = 5.0) -> None:
        self._repository, self._pause = repository, pause
        self._left_alone_until = 0.0
        self._said: set[str] = set()
        self._reader: OnlineFeatures | None = None
        try:
            self._open()
        except FeaturesUnavailableError as error:
            self._leave_alone(error)

    def __call__(self, run: Run, user_id: str) -> dict[str, float | str | None] | None:
        """Give feature → value; None where the published values stand."""
        if time.monotonic() < self._left_alone_until:
            return None
        try:
            features = self._open().user(user_id)
        except FeaturesUnavailableError as error:
            if error.reason == OF_THE_USER:
                FAILED.labels(error.reason).inc()
            else:
                self._leave_alone(error)
            return None
        if features.run_id != run.run_id:
            FAILED.labels("another_run").inc()
            return None
        self._said.clear()
        return features.values

    def _open(self) -> OnlineFeatures:
        if self._reader is None:
            try:
                self._reader = OnlineFeatures(self._repository)
            except FileNotFoundError as error:
                raise FeaturesUnavailableError("missing", str(error)) from error
        return self._reader

    def _leave_alone(self, error: FeaturesUnavailableError) -> None:
        FAILED.labels(error.reason).inc()
        if error.reason not in self._said:
            self._said.add(error.reason)
            logger.warning("the published features of users stand: %s", error)
        self._left_alone_until = time.monotonic() + self._pause
