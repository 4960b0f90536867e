"""Reads the tags of a page in one pass. `html.parser` takes hours for a megabyte of some broken pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

START = re.compile(r"<[a-z!/?]", re.IGNORECASE)
NAME = re.compile(r"<([a-z][^\s/>]*+)", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""[\s/]*+([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+""")
END = re.compile(r"[^>]*+>")
OPEN = re.compile(r"""=\s*+["']""")
"""Of a value without an end, in which the rest of the page is."""

OF_TEXT = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE) for tag in ("script", "style", "textarea", "title")}
"""The ends of elements that have text alone."""


class HtmlTag(NamedTuple):
    name: str
    attributes: dict[str, str]  # of two with one name the first
    text: str = ""  # of elements that have text alone


def tags(html: str) -> Iterator[HtmlTag]:
    """The start tags, but for those in comments."""
    at = 0
    while start := START.search(html, at):
        found = NAME.match(html, start.start())
        if found is None:
            at = _after_markup(html, start.start())
            continue
        attributes, at = _attributes(html, found.end())
        if at < 0:
            return
        tag = HtmlTag(found[1].lower(), attributes)
        if tag.name in OF_TEXT:
            closing = OF_TEXT[tag.name].search(html, at)
            if closing is None:
                return
            tag, at = tag._replace(text=html[at : closing.start()]), closing.end()
        yield tag


def _after_markup(html: str, at: int) -> int:
    """The end of what begins at `at` and is no start tag: a comment or an end tag."""
    if html.startswith("<!--", at):
        end = html.find("-->", at + 2)  # `<!-->` is one
        return end + 3 if end >= 0 else len(html)
    end = html.find(">", at)
    return end + 1 if end >= 0 else len(html)


def _attributes(html: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, and where it ends; -1 if it does not."""
    attributes: dict[str, str] = {}
    while found := ATTRIBUTE.match(html, at):
        at = found.end()
        if found[2] is None and OPEN.match(html, at):
            return attributes, -1
        value = found[2] or ""
        attributes.setdefault(found[1].lower(), _text(value[1:-1] if value[:1] in ("'", '"') else value))
    end = END.match(html, at)
    return attributes, end.end() if end else -1


def _text(written: str) -> str:
    try:
        return unescape(written)
    except ValueError:  # a character with a number of thousands of digits
        return written
