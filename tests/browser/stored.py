"""What a browser has stored, what its pages have sent, and the tables of docs/personal-data.md that describe it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.programs.processes import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Frame, Page

DOCUMENT = (ROOT / "docs" / "personal-data.md").read_text()
VISITOR = re.compile(r'"visitorId":\s*"([^"]*)"')
ALL_KEYS = """
async () => ({
  localStorage: Object.keys(localStorage),
  sessionStorage: Object.keys(sessionStorage),
  IndexedDB: (await indexedDB.databases()).map(({ name }) => name),
  "Cache Storage": await caches.keys(),
  "service workers": (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope),
})
"""


def table(first_heading: str) -> list[list[str]]:
    """The rows of the document's table whose first column has this heading, without the heading."""
    text = DOCUMENT.partition(f"\n| {first_heading} |")[2].partition("\n\n")[0]
    _, _, *rows = text.splitlines()
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def keys_of(frame: Frame) -> set[tuple[str, str]]:
    """Every (area, key) that the frame's origin has stored."""
    return {(area, key) for area, keys in frame.evaluate(ALL_KEYS).items() for key in keys}


def stored_by(page: Page) -> set[tuple[str, str]]:
    """Every (area, key) that the origins of the page and its frames have stored, including cookies of any origin."""
    cookies = {("cookies", cookie["name"]) for cookie in page.context.cookies()}
    return cookies.union(*(keys_of(frame) for frame in page.frames))


class SentIds:
    """Collects the `visitorId`s that a context's pages send, in requests and over sockets. URLs may not contain any,
    because proxies log them.
    """

    def __init__(self, context: BrowserContext) -> None:
        self._texts: list[str] = []
        self._urls: list[str] = []
        context.on("request", lambda request: self._add(request.url, request.post_data or ""))
        context.on("page", lambda page: page.on("websocket", self._follow))

    def _follow(self, socket) -> None:  # type: ignore[no-untyped-def]
        self._urls.append(socket.url)
        socket.on("framesent", lambda frame: self._texts.append(str(frame)))

    def _add(self, url: str, body: str) -> None:
        self._urls.append(url)
        self._texts.append(body)

    def take(self) -> set[str]:
        """The ids sent since the last call."""
        ids = {visitor_id for text in self._texts for visitor_id in VISITOR.findall(text)}
        assert not [url for url in self._urls for visitor_id in ids if visitor_id in url]
        self._texts.clear()
        return ids
