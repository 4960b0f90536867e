"""A real browser: the system's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OPTIONS = [
    # Resolve only the names of the tests' servers, and report nothing.
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
    # One process less takes a fifth of the CPU time away.
    "--in-process-gpu",
    # All pages on a device share one process, which survives navigation.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
]


def chromium() -> str:
    """The path of Chromium. Skips the test if it is not installed."""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("Chromium is missing: `make tools` installs it")


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser shared by all tests in a process. Each test has its own contexts."""
    from playwright.sync_api import sync_playwright  # slow to import

    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()
