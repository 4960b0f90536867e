"""Documents as pages at /docs/{name}.md: those in docs/, the changelog, and what else is next to it. `linked` turns
names such as docs/failover.md in texts into links.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache, lru_cache
from typing import NamedTuple

from flask import Flask, url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from koyjabo.core.installation import documents

NAME = re.compile(r"docs/([a-z-]+)\.md(?:#([a-z0-9-]*[a-z0-9]))?")
SHIPPED = ("docs/*.md", "docs/specification/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""The documents that a server shows, where its installation has them. A wheel has only those in docs/."""


class Guide(NamedTuple):
    title: str
    html: Markup


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


@lru_cache(maxsize=64)
def guide(name: str) -> Guide:
    """A document as a page. `name` is one of `paths`. The largest document takes 30 ms."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse((documents() / paths()[name]).read_text())
    title = ""
    for token, following in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        if token.type == "heading_open":
            title = title or following.content
            token.attrSet("id", anchor(following.content))
        elif token.type in ("table_open", "fence"):
            token.attrSet("tabindex", "0")  # so that it scrolls where there is no room
        for part in token.children or []:
            if part.type == "link_open":
                address = _address(str(part.attrGet("href")), name)
                part.attrs = {"href": address} if address else {}
    return Guide(title, Markup(markdown.renderer.render(tokens, markdown.options, {})))


def _address(link: str, name: str) -> str:
    """The address of a link in the document `name`, from its page. "" if the link leads to a file that is no page."""
    path, hash_sign, heading = link.partition("#")
    if not path or link.startswith(("https://", "http://")):
        return link
    file = posixpath.normpath(posixpath.join(posixpath.dirname(paths()[name]), path))
    for other, its_path in paths().items():
        if its_path == file:
            return posixpath.relpath(f"{other}.md", posixpath.dirname(name) or ".") + hash_sign + heading
    return ""


def anchor(heading: str) -> str:
    """The id of a heading, as GitHub generates it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
