"""Documents as pages at /docs/{name}.md: those in docs/, the changelog, and what else is next to it. /docs/ is their
index, and /docs/?q={words} finds their sections. `linked` turns names such as docs/failover.md in texts into links.
"""

import posixpath
import re
from collections import Counter, defaultdict
from functools import cache, lru_cache
from itertools import dropwhile
from typing import NamedTuple

from flask import Blueprint, Flask, Response, abort, render_template, request, url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from koyjabo.base.core.installation import documents
from koyjabo.web.http.responses import private
from .redirects import with_query

bp = Blueprint("docs", __name__, url_prefix="/docs")

GUIDE_NAME = re.compile(r"docs/([a-z-]+)\.md(?:#([a-z0-9-]*[a-z0-9]))?")
SHIPPED_DOCUMENTS = ("docs/*.md", "docs/specification/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""The documents that a server shows, where its installation has them. A wheel has only those in docs/."""

INDEX = "README"
GROUP_TITLE = re.compile(r"\*\*([^*\n]+)\*\*:")
WANTED_ROW = re.compile(r"^\| (\w[^|]*) \| \[([^]]+)\]\(([^()\s#]+)\.md(?:#([^()\s]+))?\)", re.MULTILINE)
"""A row of the table in INDEX: what someone wants to do, and the first document for it."""

LINK_TARGET = re.compile(r"\]\(([^()\s]+)")
PICTURE = re.compile(r"^!\[.*\n\n?", re.MULTILINE)
"""A paragraph with a picture. Pages leave it out, because an installation has no pictures."""

BLOCK_START = re.compile(r"\n(?=[\n|>-]|\d+\.|```)")
MARKDOWN_MARKS = re.compile(
    r"^[|> -]+$|^```.*|^ *(?:[#>-]+|\d+\.|\|) | \|$|!?\[(?=[^][]*\]\()|\]\([^()]*\)|[`*]", re.MULTILINE
)
"""What is not text in Markdown, such as the address of a link."""

SETTING_CODE = re.compile(r"(?<=<code>)[A-Z0-9]+_[A-Z0-9_]+(?=</code>)")
"""The name of a setting in a page."""

SECTION_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
WORD = re.compile(r"[\w\u0981-\u09d7]+")
"""A word, in Bangla with its vowel signs, which are no letters in Unicode."""

MAX_QUERY_LENGTH = 100
MAX_QUERY_WORDS = 10
MAX_SECTIONS_FOUND = 12
MAX_EXCERPT_LENGTH = 120
UNSEARCHED_DOCUMENTS = (INDEX, "CHANGELOG")
TITLE_WEIGHT = 5
"""How many words of a section's text one word of its title is worth."""

EMPTY_WORDS = (
    " a all an and are at can do does for from has have how i in is it me my of on or our own the their this to "
    "was we what when where which who why with you your "
)
"""Words that say nothing about what someone searches for."""


class Heading(NamedTuple):
    text: str
    anchor: str
    level: int


class Guide(NamedTuple):
    title: str
    html: Markup
    headings: tuple[Heading, ...]  # of levels 2 and 3


class Section(NamedTuple):
    """A section of a document, or a row of the table in INDEX, which says what a reader wants to do."""

    title: str
    document: str  # its title; "" if the section's title says it
    name: str
    anchor: str
    title_words: str  # different words, in lower case, with a space before each
    words: str  # the same of the title and the text
    is_wish: bool = False

    @property
    def address(self) -> str:
        return url_for("docs.guide", name=self.name, _anchor=self.anchor or None)


def init_app(app: Flask) -> None:
    app.jinja_env.filters["with_guides"] = linked


@bp.get("/", endpoint="index")
@bp.get("/<path:name>.md", endpoint="guide")
@bp.get("/<path:name>", endpoint="without_ending")
def guide_page(name: str = INDEX) -> Response:
    name = name.removesuffix("/").removesuffix(".md")
    if name not in paths():
        abort(404)
    address = url_for("docs.guide", name=name) if request.view_args else url_for("docs.index")
    if request.script_root + request.path != address:
        return with_query(address)  # documents link to each other by relative addresses
    query = request.args.get("q", "").strip()[:MAX_QUERY_LENGTH] if name == INDEX else ""
    page = render_template(
        "webkit/guide.html",
        guide=guide(name),
        name=name,
        is_index=name == INDEX,
        query=query,
        sections=[(section, excerpt(section, query)) for section in find(query)],
        neighbours=neighbours(name),
        groups=index(),
        titles=titles(),
    )
    return private(Response(page, mimetype="text/html"))


def linked(text: str) -> Markup:
    """Turn document names in a text into links. An anchor appears only in the link's address."""
    return Markup(GUIDE_NAME.sub(_link, escape(text)))


def _link(name: re.Match[str]) -> str:
    address = url_for("docs.guide", name=name[1], _anchor=name[2])
    return f'<a href="{escape(address)}" lang="en">docs/{name[1]}.md</a>'


@cache
def paths() -> dict[str, str]:
    """The path of each document, such as `docs/backup.md`, by its name in addresses, such as `backup`."""
    root = documents()
    files = (file.relative_to(root).as_posix() for pattern in SHIPPED_DOCUMENTS for file in root.glob(pattern))
    return {path.removeprefix("docs/").removesuffix(".md"): path for path in files}


def text_of(name: str) -> str:
    return (documents() / paths()[name]).read_text(encoding="utf-8")


@cache
def index() -> dict[str, dict[str, str]]:
    """The titles of all documents by name, in the groups and in the order of INDEX. INDEX is the first one. Other
    documents in a folder follow the folder's README.
    """
    groups: dict[str, dict[str, str]] = {}
    for paragraph in text_of(INDEX).split("\n\n"):
        if group := GROUP_TITLE.match(paragraph):
            in_order = [] if groups else [INDEX]
            for name in filter(None, (_page_of(link, INDEX) for link in LINK_TARGET.findall(paragraph))):
                folder = name.removesuffix(INDEX)
                in_order += [name, *sorted(other for other in paths() if folder != name and other.startswith(folder))]
            groups[group[1]] = {name: _title(name) for name in in_order}
    return groups


@cache
def titles() -> dict[str, str]:
    """The title of each document by name, in the order of the index."""
    return {name: title for group in index().values() for name, title in group.items()}


@cache
def sections() -> tuple[Section, ...]:
    """What people want to do, from the table in INDEX, and the parts of all documents, with their beginnings."""
    result = [
        Section(wish[0].upper() + wish[1:], "", page, heading, _words(wish), _words(wish, label), is_wish=True)
        for wish, label, page, heading in WANTED_ROW.findall(text_of(INDEX).replace("*", ""))
    ]
    for name, document in titles().items():
        if name in UNSEARCHED_DOCUMENTS:
            continue
        for place, (heading, text) in _parts(name).items():
            title = re.sub("[`*]", "", heading) or document
            words = _words(title, MARKDOWN_MARKS.sub("", text))
            result.append(Section(title, document if place else "", name, place, _words(title), words))
    return tuple(result)


@cache
def _parts(name: str) -> dict[str, tuple[str, str]]:
    """The heading and the text of each part of a document, by anchor. The beginning has none."""
    _title, _, text = text_of(name).partition("\n")
    start, *rest = SECTION_HEADING.split(text)
    parts = zip(rest[::2], rest[1::2], strict=True)
    return {"": ("", start), **{anchor(heading): (heading, text) for heading, text in parts}}


def find(query: str, has_all: bool = False) -> list[Section]:
    """The sections with words that begin with words of the query, best first; with all of them if `has_all`. What
    someone wants to do comes first if it has all words, and otherwise a word is worth the more, the fewer sections have
    it. EMPTY_WORDS only decide between equal wishes, unless the query has no other words.
    """
    typed = [f" {start}" for start in _starts(query)]
    starts = [start for start in typed if f"{start} " not in EMPTY_WORDS] or typed
    worth = defaultdict[Section, float](float)
    for start in starts:
        with_word = [section for section in sections() if start in section.words]
        for section in with_word:
            worth[section] += (TITLE_WEIGHT if start in section.title_words else 1) / len(with_word)
    complete = {section for section in worth if all(start in section.words for start in starts)}
    for section in complete:
        if section.is_wish:
            worth[section] += sum(start in section.words for start in typed) * MAX_QUERY_WORDS * TITLE_WEIGHT
    distinct = dict[tuple[str, str], Section]()
    for section in sorted(complete if has_all else worth, key=worth.__getitem__, reverse=True):
        distinct.setdefault((section.name, section.anchor), section)
    return list(distinct.values())[:MAX_SECTIONS_FOUND]


def excerpt(section: Section, query: str) -> str:
    """A line of the section around the words of the query, without Markdown: from its first paragraph, item or row with
    the most of them.
    """
    from_here = dropwhile(lambda part: part[0] != section.anchor, _parts(section.name).items())
    texts = (text.strip() for _place, (_heading, text) in from_here)
    blocks = BLOCK_START.split(next(filter(None, texts), ""))  # of its first subsection, if it has no text
    plain = (" ".join(MARKDOWN_MARKS.sub("", block).split()) for block in blocks)
    lines = [text.replace(" | | ", " · ").replace(" | ", " · ") for text in plain if text]
    words = re.compile(rf"\b(?:{'|'.join(_starts(query))})", re.IGNORECASE)
    line = max(lines, key=lambda line: len({word.lower() for word in words.findall(line)}), default="")
    match = words.search(line)
    at = line.rfind(" ", 0, match.start() - 40) + 1 if match and match.end() > MAX_EXCERPT_LENGTH - 20 else 0
    shown, rest = line[at : at + MAX_EXCERPT_LENGTH], line[at + MAX_EXCERPT_LENGTH :]
    return ("… " if at else "") + (f"{shown.rpartition(' ')[0] or shown} …" if rest else shown)


def _starts(query: str) -> list[str]:
    """The query's words, without the `s` of a plural. Words that begin with them are found."""
    words = dict.fromkeys(WORD.findall(query.lower()))
    return [word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words][:MAX_QUERY_WORDS]


def _words(*texts: str) -> str:
    return "".join({f" {word}": 0 for text in texts for word in WORD.findall(text.lower())})


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
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(PICTURE.sub("", text_of(name)))
    headings: list[Heading] = []
    counts = Counter[str]()
    columns: list[str] = []
    column = 0
    for token, following in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        if token.type == "heading_open":
            text = "".join(part.content for part in following.children or [])
            name_of_heading = anchor(following.content)
            counts[name_of_heading] += 1
            if counts[name_of_heading] > 1:  # equal ones are numbered, as on GitHub
                name_of_heading = f"{name_of_heading}-{counts[name_of_heading] - 1}"
            headings.append(Heading(text, name_of_heading, int(token.tag[1])))
            token.attrSet("id", name_of_heading)
        elif token.type == "table_open":
            token.attrSet("tabindex", "0")  # so that it scrolls where there is no room
            columns = []
        elif token.type == "th_open":
            columns.append("".join(part.content for part in following.children or []))
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":  # narrow pages show its column's name before it
            token.attrSet("data-label", columns[column])
            column += 1
        for part in token.children or []:
            if part.type == "link_open":
                address = _address(str(part.attrGet("href")), name)
                part.attrs = {"href": address} if address else {}
    html = Markup(SETTING_CODE.sub(_breakable, markdown.renderer.render(tokens, markdown.options, {})))
    return Guide(_title(name), html, tuple(heading for heading in headings if heading.level in (2, 3)))


def _breakable(name: re.Match[str]) -> str:
    """A name that may break after each underscore."""
    return name[0].replace("_", "_<wbr>")


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


def anchor(heading: str) -> str:
    """The id of a heading, as GitHub generates it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
