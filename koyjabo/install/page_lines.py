"""Reads from the HTML of a page which lines of this server it has, and what else decides whether they work."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from koyjabo.install.content_policy import PageScript
from koyjabo.network.origins import normal

ELEMENT_SCRIPT, MODULES = "koyjabo-count.js", ("koyjabo-count.js", "koyjabo.js")
NAME = "koyjabo-count"
MODULE_URL = re.compile(r"""["'](https?://[^"'\s]+/koyjabo(?:-count)?\.js)["']""")
ADDRESSES = {"script": "src", "iframe": "src", "img": "src"}

ELEMENT, MODULE, FRAME, PIXEL, BADGE = "element", "module", "frame", "pixel", "badge"
"""The kinds of lines."""


class FoundLine(NamedTuple):
    kind: str
    server: str  # the origin that it calls
    url: str  # that the page loads
    counts: bool = True
    script: PageScript | None = None


@dataclass
class PageLines:
    """`has_element` without a script shows nothing, and a script without an element neither."""

    lines: list[FoundLine] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)  # of <meta>
    has_element: bool = False
    has_element_script: bool = False


class _HtmlReader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self._base = page
        self._inline: dict[str, str | None] | None = None  # the attributes of the open <script>
        self._text: list[str] = []
        self.found = PageLines()
        self.elements: list[dict[str, str | None]] = []
        self.element_scripts: list[PageScript] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(reversed(attrs))
        if tag == "base" and known.get("href"):
            self._base = resolved(self._base, known["href"] or "") or self._base
        elif tag == "meta" and (known.get("http-equiv") or "").lower() == "content-security-policy":
            self.found.policies.append(known.get("content") or "")
        elif tag == NAME:
            self.elements.append(known)
        elif tag in ADDRESSES and known.get(ADDRESSES[tag]):
            self._take(tag, resolved(self._base, (known[ADDRESSES[tag]] or "").strip()), known.get("nonce") or "")
        elif tag == "script":
            self._inline, self._text = known, []

    def handle_data(self, data: str) -> None:
        if self._inline is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag != "script" or self._inline is None:
            return
        text, nonce = "".join(self._text), self._inline.get("nonce") or ""
        self._inline = None
        for url in MODULE_URL.findall(text):
            self._add(MODULE, url, script=PageScript("", text, nonce))

    def _take(self, tag: str, url: str, nonce: str) -> None:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if tag == "script" and path.endswith(f"/{ELEMENT_SCRIPT}"):
            self.element_scripts.append(PageScript(url, "", nonce))
        elif tag == "iframe" and path.rstrip("/").endswith("/embed"):
            self._add(FRAME, url, counts=query.get("counts") == ["1"])
        elif tag == "img" and path.endswith("/v.gif"):
            self._add(PIXEL, url)
        elif tag == "img" and path.endswith("/badge.svg"):
            self._add(BADGE, url, counts=False)

    def _add(self, kind: str, url: str, counts: bool = True, script: PageScript | None = None) -> None:
        server = origin_of(url)
        if server:
            self.found.lines.append(FoundLine(kind, server, url, counts, script))


def lines_of(html: str, page: str) -> PageLines:
    """`page` is the address of the page."""
    reader = _HtmlReader(page)
    reader.feed(html)
    reader.close()
    found = reader.found
    found.has_element, found.has_element_script = bool(reader.elements), bool(reader.element_scripts)
    counts = any(each.get("counts") != "false" for each in reader.elements)
    for script in reader.element_scripts if reader.elements else []:
        named = next((each["base-url"] for each in reader.elements if each.get("base-url")), None)
        server = origin_of(resolved(page, named)) if named else origin_of(script.url)
        if server:
            found.lines.append(FoundLine(ELEMENT, server, script.url, counts, script))
    return found


def resolved(page: str, reference: str) -> str:
    """The URL that a reference on a page means; "" if it means none."""
    try:
        return urljoin(page, reference)
    except ValueError:
        return ""


def parts_of(url: str) -> SplitResult:
    """Empty ones for a text that is not a URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def origin_of(url: str) -> str | None:
    parts = parts_of(url)
    return normal(f"{parts.scheme}://{parts.netloc}")
