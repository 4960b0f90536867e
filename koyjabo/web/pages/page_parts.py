"""Parts that features add to another feature's page, which need not know them.

A page names the places for parts, such as `connect`. Its template includes each part of a place, with `part` set to
the values that the part has read.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Flask

from koyjabo.base.core.registry import Registry

PAGE_PARTS: Registry[str, "PagePart"] = Registry()
"""The parts by template. Features fill it."""


class PagePart(NamedTuple):
    """A part of a page: the name of its place, and the function that reads its values in the page's request. Parts of a
    place are in the order of their ranks.
    """

    place: str
    read: Callable[[], Mapping[str, Any]] = dict
    rank: int = 0


def page_parts(place: str) -> list[tuple[str, PagePart]]:
    parts = [(template, part) for template, part in PAGE_PARTS.items() if part.place == place]
    return sorted(parts, key=lambda named: named[1].rank)


def init_app(app: Flask) -> None:
    app.jinja_env.globals["page_parts"] = page_parts
