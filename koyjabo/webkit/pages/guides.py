"""The documents in docs/ as pages: docs/failover.md is at /docs/failover.md. `linked` turns such names in texts into
links.
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
SHIPPED = ("*.md", "specification/*.md")
"""The documents in every installation. Wheels do not include the decisions."""


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
def names() -> frozenset[str]:
    return frozenset(
        str(file.relative_to(documents()).with_suffix("")) for pattern in SHIPPED for file in documents().glob(pattern)
    )


@lru_cache(maxsize=64)
def guide(name: str) -> Guide:
    """A document as a page. `name` is one of `names`. The largest document takes 30 ms."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse((documents() / f"{name}.md").read_text())
    title = ""
    for token, following in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        if token.type == "heading_open":
            title = title or following.content
            token.attrSet("id", anchor(following.content))
        elif token.type in ("table_open", "fence"):
            token.attrSet("tabindex", "0")  # so that it scrolls where there is no room
        for part in token.children or []:
            if part.type == "link_open" and not _has_page(str(part.attrGet("href")), name):
                part.attrs.clear()
    return Guide(title, Markup(markdown.renderer.render(tokens, markdown.options, {})))


def _has_page(address: str, name: str) -> bool:
    """Whether a link in the document `name` leads to a page, on this server or elsewhere."""
    path = address.partition("#")[0]
    if not path or address.startswith(("https://", "http://")):
        return True
    file = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return file.endswith(".md") and file.removesuffix(".md") in names()


def anchor(heading: str) -> str:
    """The id of a heading, as GitHub generates it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
