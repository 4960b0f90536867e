"""A real browser: Chromium from the system, without a window, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MISSING = "there is no Chromium on this machine: `make tools` brings it"

OPTIONS = [
    # Only the servers of the tests are looked up, and nothing is reported.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--disable-gpu",
    # The pages of a device share a process, which is begun once, not for each page and again for what it navigates to.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
]


def chromium() -> str:
    """Where it is. Without one the test is skipped."""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip(MISSING)


@contextmanager
def browser() -> Iterator[Browser]:
    """One for all tests of a process; each has contexts of its own in it."""
    from playwright.sync_api import sync_playwright  # slow to import

    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()
