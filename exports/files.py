"""Files that are published: on the disk for good, with the checksum that finds them changed."""

import hashlib
import os
from pathlib import Path


def to_disk(path: Path) -> str:
    """Wait until what was written is on the disk, whole after a power cut, and give its SHA-256."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
