"""``python -m exports.serving``: serve what was published, until stopped."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

# Before any library is loaded: one request at a time, on one core; threads would only wait for
# one another.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


class JSONFormatter(logging.Formatter):
    """A line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, message, and what was raised."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if hasattr(record, "problems"):
            line["problems"] = record.problems
        return json.dumps(line, ensure_ascii=False)


def main() -> int:
    """Serve; 0, or 1 when it cannot begin."""
    import uvicorn
    from pydantic import ValidationError

    from exports.serving.app import create_app
    from exports.serving.settings import Settings

    handler = logging.StreamHandler()
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        settings = Settings()
        app = create_app(settings)
    except (ValidationError, ValueError) as error:
        print(f"foryou: not served: {error}", file=sys.stderr)
        return 1
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
