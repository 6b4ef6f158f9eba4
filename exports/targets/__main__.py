"""Sends the published run on, or one before it; builds and publishes nothing."""

import argparse
import sys
from pathlib import Path

from exports.snapshot import PUBLISHED
from exports.targets import TARGETS, send_to_all


def main() -> int:
    """Send; 0, or 1 when a target did not take it."""
    parser = argparse.ArgumentParser(prog="exports.targets", description=__doc__)
    parser.add_argument("--to", action="append", choices=TARGETS, required=True)
    parser.add_argument(
        "--run", type=Path, default=PUBLISHED / "current", help="the folder of a published run"
    )
    options = parser.parse_args()
    return send_to_all(options.run, options.to)


if __name__ == "__main__":
    sys.exit(main())
