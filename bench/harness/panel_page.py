"""A page of the panel in a real browser: what it transfers while nothing happens and with each visit, and how soon a
visit is a row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
from support.browser import browser

from harness.databases import STARTING_TOTAL

EMAIL, PASSWORD = "panel@example.com", "rickshaw at dawn"
TEMPLATES = ("/", "/fares", "/map", "/routes/mirpur-10-to-motijheel-via-farmgate")
AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
FRAME_HEADER, MASKED_HEADER = 4, 8
"""Bytes around a message from the server and from the client, at most: all are shorter than 64 KB."""

REQUEST_HEADERS = 500
"""Bytes of the headers of a request that the browser does not count."""

WATCH = """
() => {
  window.rows = new Map();
  const body = document.querySelector("[data-newest] tbody");
  const note = () => { for (const row of body.rows) rows.has(row.dataset.id) || rows.set(row.dataset.id, Date.now()); };
  new MutationObserver(note).observe(body, { childList: true });
  note();
}
"""


class Seen(NamedTuple):
    idle_bytes: int
    bytes_a_visit: float
    delays_ms: list[float]


class Meter:
    """Counts all bytes of a page: frames both ways, and answers and requests with headers."""

    def __init__(self, page: Any) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", lambda event: self._frame(event, FRAME_HEADER))
        session.on("Network.webSocketFrameSent", lambda event: self._frame(event, MASKED_HEADER))
        session.on("Network.loadingFinished", lambda event: self._add(event["encodedDataLength"] + REQUEST_HEADERS))

    def _frame(self, event: dict[str, Any], header: int) -> None:
        self._add(len(event["response"]["payloadData"].encode()) + header)

    def _add(self, size: float) -> None:
        self.bytes += round(size)


def look(url: str, path: str, idle_s: float, visits: int, pace_s: float) -> Seen:
    """Open a page, leave it alone, then register `visits`, one each `pace_s`."""
    with opened(url, path) as page:
        meter = Meter(page)
        page.evaluate(WATCH)
        page.wait_for_timeout(1000 * idle_s)
        idle, meter.bytes = meter.bytes, 0
        committed = [_register(url, page, number, pace_s) for number in range(visits)]
        page.wait_for_timeout(2000)
        shown = page.evaluate("Object.fromEntries(window.rows)")
        delays = [shown[str(visit_id)] - at_ms for visit_id, at_ms in committed]
        return Seen(idle, meter.bytes / visits, delays)


@contextmanager
def opened(url: str, path: str) -> Iterator[Any]:
    with browser() as chromium:
        context = chromium.new_context(base_url=url, viewport={"width": 1440, "height": 900})
        answer = context.request.post("/api/auth/login", data={"email": EMAIL, "password": PASSWORD})
        assert answer.ok, answer.text()
        page = context.new_page()
        page.goto(path)
        page.wait_for_selector('[data-line="live"]')
        page.wait_for_timeout(2000)  # what is transferred to open it is not counted
        yield page


def _register(url: str, page: Any, number: int, pace_s: float) -> tuple[int, float]:
    """The id of a visit, and when it was sent, ms."""
    began = time.time()
    page_path = TEMPLATES[number % len(TEMPLATES)]
    body = {"visitorId": f"visitor-{number % 40}", "page": page_path, "userAgent": AGENT}
    answer = requests.post(f"{url}/api/visitor/register", json=body, timeout=10)
    answer.raise_for_status()
    page.wait_for_timeout(1000 * max(0.0, pace_s - (time.time() - began)))
    return answer.json()["visit"]["ordinal"] - STARTING_TOTAL, 1000 * began
