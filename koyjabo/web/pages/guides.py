"""Documents as pages at /docs/{name}.md: those in docs/, the changelog, and what else is next to it. `index` lists
them. `linked` turns names such as docs/failover.md in texts into links.

Searches the documents in docs/ by section. A section must contain all words of a query, or words that begin with
them.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain, islice, takewhile
from typing import NamedTuple

from flask import Flask, url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from koyjabo.base.core.installation import documents

NAME = re.compile(r"docs/([a-z-]+)\.md(?:#([a-z0-9-]*[a-z0-9]))?")
SHIPPED = ("docs/*.md", "docs/specification/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""The documents that a server shows, where its installation has them. A wheel has only those in docs/."""

INDEX = "README"
GROUP = re.compile(r"\*\*([^*\n]+)\*\*:")
LINK = re.compile(r"\]\(([^()\s]+)")


class Heading(NamedTuple):
    text: str
    anchor: str
    level: int


class Guide(NamedTuple):
    title: str
    html: Markup
    headings: tuple[Heading, ...]  # of levels 2 and 3


def init_app(app: Flask) -> None:
    app.jinja_env.filters["with_guides"] = linked


def linked(text: str) -> Markup:
    """Turn document names in a text into links. An anchor appears only in the link's address."""
    return Markup(NAME.sub(_link, escape(text)))


def _link(name: re.Match[str]) -> str:
    address = url_for("docs.guide", name=name[1], _anchor=name[2])
    return f'<a href="{escape(address)}" lang="en">docs/{name[1]}.md</a>'


@cache
def paths() -> dict[str, str]:
    """The path of each document, such as `docs/backup.md`, by its name in addresses, such as `backup`."""
    root = documents()
    files = (file.relative_to(root).as_posix() for pattern in SHIPPED for file in root.glob(pattern))
    return {path.removeprefix("docs/").removesuffix(".md"): path for path in files}


def text_of(name: str) -> str:
    return (documents() / paths()[name]).read_text(encoding="utf-8")


@cache
def index() -> dict[str, dict[str, str]]:
    """The titles of all documents by name, in the groups and in the order of INDEX, which comes first. Other documents
    in a folder follow the folder's README.
    """
    groups: dict[str, dict[str, str]] = {}
    for paragraph in text_of(INDEX).split("\n\n"):
        if group := GROUP.match(paragraph):
            in_order = [] if groups else [INDEX]
            for name in filter(None, (_page_of(link, INDEX) for link in LINK.findall(paragraph))):
                folder = name.removesuffix(INDEX)
                in_order += [name, *sorted(other for other in paths() if folder != name and other.startswith(folder))]
            groups[group[1]] = {name: _title(name) for name in in_order}
    return groups


@cache
def titles() -> dict[str, str]:
    """The title of each document by name, in the order of the index."""
    return {name: title for group in index().values() for name, title in group.items()}


def neighbours(name: str) -> tuple[str, str]:
    """The documents before and after one in the index; "" at an end."""
    ordered = ["", *titles(), ""]
    at = ordered.index(name)
    return ordered[at - 1], ordered[at + 1]


def _title(name: str) -> str:
    return text_of(name).partition("\n")[0].lstrip("# ")


@lru_cache(maxsize=64)
def guide(name: str) -> Guide:
    """A document as a page. `name` is one of `paths`. The largest document takes 30 ms."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(text_of(name))
    headings, anchors = [], Anchors()
    for token, following in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        if token.type == "heading_open":
            text = "".join(part.content for part in following.children or [])
            headings.append(Heading(text, anchors.of(following.content), int(token.tag[1])))
            token.attrSet("id", headings[-1].anchor)
        elif token.type in ("table_open", "fence"):
            token.attrSet("tabindex", "0")  # so that it scrolls where there is no room
        for part in token.children or []:
            if part.type == "link_open":
                address = _address(str(part.attrGet("href")), name)
                part.attrs = {"href": address} if address else {}
    html = Markup(markdown.renderer.render(tokens, markdown.options, {}))
    return Guide(_title(name), html, tuple(heading for heading in headings if heading.level in (2, 3)))


def _address(link: str, name: str) -> str:
    """The address of a link in the document `name`, from its page. "" if the link leads to a file that is no page."""
    if link.startswith(("#", "https://", "http://")):
        return link
    page, (_, hash_sign, heading) = _page_of(link, name), link.partition("#")
    return posixpath.relpath(f"{page}.md", posixpath.dirname(name) or ".") + hash_sign + heading if page else ""


def _page_of(link: str, name: str) -> str | None:
    """The document that a link in the document `name` leads to; None if it has no page here."""
    file = posixpath.normpath(posixpath.join(posixpath.dirname(paths()[name]), link.partition("#")[0]))
    return next((page for page, path in paths().items() if path == file), None)


class Anchors:
    """The ids of one document's headings, in order. Equal ones are numbered, as on GitHub."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def of(self, heading: str) -> str:
        name = anchor(heading)
        self._counts[name] += 1
        earlier = self._counts[name] - 1
        return f"{name}-{earlier}" if earlier else name


def anchor(heading: str) -> str:
    """The id of a heading, as GitHub generates it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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
    for name, title in titles().items():
        text, anchors = text_of(name), Anchors()
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
    text = text_of(section.name)[section.begin : section.end]
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
