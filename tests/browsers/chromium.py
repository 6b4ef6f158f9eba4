"""Debian's Chromium, driven by Playwright, which brings no browser of its own here."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

# CHROMIUM names another one. None: there is none.
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start it without a window, and stop it afterwards."""
    if CHROMIUM is None:
        raise FileNotFoundError(
            "there is no Chromium (Debian's package chromium); name it: CHROMIUM="
        )
    # Chromium has no sandbox for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()
