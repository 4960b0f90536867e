"""Searches the documents in docs/ by section. A section must contain all words of a query, or words that begin with
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice, takewhile
from typing import NamedTuple

from markupsafe import Markup

from koyjabo.web.pages import guides

MAX_QUERY = 100
"""Maximum length of a query, in characters. The rest is ignored."""

MAX_TERMS, MAX_RESULTS = 8, 20

BEFORE, AFTER = 90, 180
"""Length of an excerpt before and after its first match, in characters."""

BETWEEN = re.compile(r"[\W_]+")
HEADING_OR_FENCE = re.compile(r"^(?:#{1,3} (.+)|```)", re.MULTILINE)
TARGET = re.compile(r"\]\([^()\n]*\)")
MARKUP = re.compile(r"```\w*|[*`|\[\]]|-{3,}")


class GuideSection(NamedTuple):
    """A section of a document. Its text stays on disk; only its words are in memory, in lower case, with a space before
    each.
    """

    name: str  # of its document
    heading: str  # as in Markdown
    anchor: str
    begin: int  # in its document, in characters
    end: int
    heading_words: str
    words: str  # all of its words


class FoundSection(NamedTuple):
    name: str
    heading: str
    anchor: str
    excerpt: Markup


def search(query: str) -> tuple[list[FoundSection], int]:
    """The results with most words in their headings, and the number of all. Takes 1 to 6 ms."""
    words = filter(str.strip, map(_words, query[:MAX_QUERY].split()))
    terms = list(islice(dict.fromkeys(words), MAX_TERMS))
    matching = [section for section in _sections() if all(term in section.words for term in terms)] if terms else []
    best = sorted(matching, key=lambda section: -sum(term in section.heading_words for term in terms))
    return [_result(section, terms) for section in best[:MAX_RESULTS]], len(matching)


@cache
def _sections() -> list[GuideSection]:
    """The sections of all documents, in the order of the index. Takes 20 ms and 0.4 MB."""
    sections = []
    for name, title in guides.titles().items():
        text, anchors = guides.text_of(name), guides.Anchors()
        for heading, begin, end in _spans(text):
            words = _words(f"{title} {heading} {TARGET.sub('', text[begin:end])}")
            sections.append(GuideSection(name, heading, anchors.of(heading), begin, end, _words(heading), words))
    return sections


def _words(text: str) -> str:
    return f" {BETWEEN.sub(' ', text.lower()).strip()}"


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    """The heading of each section, and where its text begins and ends. A document begins with its title."""
    heading, begin, is_code = "", 0, False
    for match in HEADING_OR_FENCE.finditer(text):
        if match[1] is None:
            is_code = not is_code
        elif not is_code:
            if heading:
                yield heading, begin, match.start()
            heading, begin = match[1], match.end()
    yield heading, begin, len(text)


def _result(section: GuideSection, terms: list[str]) -> FoundSection:
    text = guides.text_of(section.name)[section.begin : section.end]
    return FoundSection(section.name, _plain(section.heading), section.anchor, _excerpt(_plain(text), terms))


def _plain(markdown: str) -> str:
    return " ".join(MARKUP.sub("", TARGET.sub("", markdown)).split())


def _excerpt(text: str, terms: list[str]) -> Markup:
    """The part of a text around its first match, with all matches marked."""
    lower = text.lower()
    pattern = re.compile("|".join(BETWEEN.pattern.join(map(re.escape, term.split())) for term in terms))
    matches = (
        match.span()
        for match in pattern.finditer(lower)
        if not lower[max(0, match.start() - 1) : match.start()].isalnum()
    )
    first = next(matches, (0, 0))  # the words may only be in the heading
    at, end = lower.rfind(" ", 0, max(0, first[0] - BEFORE)) + 1, lower.find(" ", first[1] + AFTER)
    end = len(text) if end < 0 else end
    parts = ["… " if at else ""]
    for begin, until in takewhile(lambda match: 0 < match[1] <= end, chain([first], matches)):
        parts += [text[at:begin], Markup("<mark>{}</mark>").format(text[begin:until])]
        at = until
    return Markup().join([*parts, text[at:end], " …" if end < len(text) else ""])
