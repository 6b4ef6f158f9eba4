"""Answers of the last minutes: in this process, or in a Redis that outlives it.

A question names the run, and what is known of the person: after a new event or
another run it is another question, so that nothing need be dropped and nothing stale is found.
"""

import hashlib
import logging
import time

import redis
from cachetools import TTLCache

logger = logging.getLogger("foryou.serving")


class LocalCache:
    """Answers in the memory of this process.

    Parameters
    ----------
    seconds : float
        How long an answer is kept, by a clock that does not go back.
    most : int
        Answers kept, at most; the oldest goes first.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._answers: TTLCache = TTLCache(most, seconds)

    def get(self, question: str) -> bytes | None:
        """Give the answer, if it is known."""
        return self._answers.get(question)

    def put(self, question: str, answer: bytes) -> None:
        """Keep an answer."""
        self._answers[question] = answer

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()


class RedisCache:
    """Answers in Redis; while it cannot be reached, in the memory of this process.

    Parameters
    ----------
    url : str
        redis://…; it may hold a password, and is never printed.
    seconds, most
        As of :class:`LocalCache`.
    pause : float
        Seconds in which a Redis that did not answer is left alone.
    """

    def __init__(self, url: str, seconds: float, most: int, pause: float = 5.0) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=0.05, socket_connect_timeout=0.05, protocol=3
        )
        self._seconds, self._pause = seconds, pause
        self._local = LocalCache(seconds, most)
        self._left_alone_until = 0.0

    @property
    def is_reached(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return not self._left_alone_until

    def get(self, question: str) -> bytes | None:
        """Give the answer, if it is known."""
        if self._is_left_alone():
            return self._local.get(question)
        try:
            answer = self._redis.get(_key(question))
            self._left_alone_until = 0.0
        except redis.RedisError as error:
            self._leave_alone(error)
            return self._local.get(question)
        return answer

    def put(self, question: str, answer: bytes) -> None:
        """Keep an answer."""
        if not self._is_left_alone():
            try:
                self._redis.set(_key(question), answer, px=int(self._seconds * 1000))
                return
            except redis.RedisError as error:
                self._leave_alone(error)
        self._local.put(question, answer)

    def clear(self) -> None:
        """Forget what this process keeps itself; the rest runs out."""
        self._local.clear()

    def _is_left_alone(self) -> bool:
        return time.monotonic() < self._left_alone_until

    def _leave_alone(self, error: Exception) -> None:
        # Its words may hold the address; its kind says enough.
        logger.warning("Redis does not answer (%s); answers are kept here", type(error).__name__)
        self._left_alone_until = time.monotonic() + self._pause


def _key(question: str) -> str:
    return "foryou:answers:" + hashlib.sha256(question.encode()).hexdigest()
