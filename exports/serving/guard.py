"""What a request must be before it is looked at: not too large, not too often, with the key."""

import hmac
import json
import math
import time
from collections.abc import Awaitable, Callable

from limits import parse
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException

from exports.serving.settings import Settings

# Asked by whoever watches the service, with no key and as often as they like.
OPEN_PATHS = ("/health", "/ready", "/metrics")
REQUESTS = Counter("foryou_requests_total", "Requests, by route and status.", ["route", "status"])
SECONDS = Histogram(
    "foryou_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 5),
)


class Refused(Exception):
    """A request that is not looked at any further."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.detail, self.headers = status, detail, headers or {}


class RateLimit:
    """Counts requests in windows of time, by a clock that does not go back.

    Parameters
    ----------
    limit : str
        As in `100/minute`.
    """

    def __init__(self, limit: str) -> None:
        item = parse(limit)
        self.most, self.seconds = item.amount, item.get_expiry()
        self._window = 0
        self._counts: dict[str, int] = {}

    def wait(self, client: str) -> int:
        """Count a request; tell how many seconds the client must wait, 0 if it need not."""
        window, passed = divmod(time.monotonic(), self.seconds)
        if window != self._window:
            self._window, self._counts = window, {}
        n_requests = self._counts[client] = self._counts.get(client, 0) + 1
        return math.ceil(self.seconds - passed) if n_requests > self.most else 0


class Guard:
    """Stands before the application: API key, rate limit, size of the body; counts and times.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    settings : Settings
        The key and the limits.
    """

    def __init__(self, app: Callable[..., Awaitable], settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.limit = RateLimit(settings.rate_limit)

    async def __call__(self, scope, receive, send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        has_begun = False

        async def counted(message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
            await send(message)

        try:
            headers = dict(scope["headers"])
            self._check(scope, headers)
            await self.app(scope, self._bounded(receive), counted)
        except Refused as refused:
            if has_begun:
                raise
            await _answer(counted, refused)
        finally:
            # The pattern, not the path: ids would be as many series.
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(route, str(status)).inc()
            SECONDS.labels(route).observe(time.perf_counter() - began)

    def _check(self, scope, headers: dict[bytes, bytes]) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        settings, key = self.settings, headers.get(b"x-api-key", b"")
        if settings.api_key is not None and not hmac.compare_digest(
            key, settings.api_key.get_secret_value().encode()
        ):
            raise Refused(401, "the header X-API-Key is missing or wrong")
        client = scope["client"][0] if scope.get("client") else "local"
        wait = self.limit.wait(key.decode("latin-1") if settings.api_key else client)
        if wait:
            raise Refused(
                429, f"more than {settings.rate_limit}; ask again later", {"retry-after": str(wait)}
            )
        length = headers.get(b"content-length", b"0")
        # Python reads no number of thousands of digits.
        if length.isdigit() and (len(length) > 18 or int(length) > settings.max_body_bytes):
            raise self._too_large()

    def _bounded(self, receive):
        """A body that does not say how long it is, is counted as it comes."""
        n_bytes = 0

        async def bounded():
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self.settings.max_body_bytes:
                # The application reads the body, and would take another error for its own.
                refused = self._too_large()
                raise HTTPException(refused.status, refused.detail)
            return message

        return bounded

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self.settings.max_body_bytes} bytes")


async def _answer(send, refused: Refused) -> None:
    body = json.dumps({"detail": refused.detail}).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refused.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
