"""Reads from the HTML of a page which lines of this server it has, and what else decides whether they work."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from koyjabo.install.content_policy import PageScript
from koyjabo.install.html_tags import HtmlTag, tags
from koyjabo.network.origins import normal

ELEMENT_SCRIPT, MODULES = "koyjabo-count.js", ("koyjabo-count.js", "koyjabo.js")
NAME = "koyjabo-count"
MODULE_URL = re.compile(r"""["'](https?://[^"'\s]+/koyjabo(?:-count)?\.js)["']""")
ADDRESSES = {"script": "src", "iframe": "src", "img": "src"}

MOST_POLICIES, LONGEST_POLICY = 20, 10_000
"""Of a page; it is read on the event loop."""

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


class _PageReader:
    def __init__(self, page: str) -> None:
        self._base = page
        self.found = PageLines()
        self.elements: list[dict[str, str]] = []
        self.element_scripts: list[PageScript] = []

    def read(self, tag: HtmlTag) -> None:
        name, known = tag.name, tag.attributes
        if name == "base" and known.get("href"):
            self._base = resolved(self._base, known["href"]) or self._base
        elif name == "meta" and known.get("http-equiv", "").lower() == "content-security-policy":
            if len(self.found.policies) < MOST_POLICIES:
                self.found.policies.append(known.get("content", "")[:LONGEST_POLICY])
        elif name == NAME:
            self.elements.append(known)
        elif name in ADDRESSES and known.get(ADDRESSES[name]):
            self._take(name, resolved(self._base, known[ADDRESSES[name]].strip()), known.get("nonce", ""))
        elif name == "script":
            for url in MODULE_URL.findall(tag.text):
                self._add(MODULE, url, script=PageScript("", tag.text, known.get("nonce", "")))

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
    reader = _PageReader(page)
    for tag in tags(html):
        reader.read(tag)
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
        url = urljoin(page, reference)
        _ = urlsplit(url).port
    except ValueError:
        return ""
    return url


def parts_of(url: str) -> SplitResult:
    """Empty ones for a text that is not a URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def origin_of(url: str) -> str | None:
    parts = parts_of(url)
    return normal(f"{parts.scheme}://{parts.netloc}")
