"""Parts that features add to another feature's page, which need not know them.

A page names the places for parts, such as `connect`. Its template includes each part of a place, with `part` set to
the values that the part has read.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from flask import Flask

PAGE_PARTS: defaultdict[str, list["PagePart"]] = defaultdict(list)
"""The parts by place, in the order of their ranks."""


class PagePart(NamedTuple):
    """A part of a page: a template, and the function that reads its values in the page's request."""

    template: str
    read: Callable[[], Mapping[str, Any]]
    rank: int


def add_part(place: str, template: str, read: Callable[[], Mapping[str, Any]] = dict, rank: int = 0) -> None:
    insort(PAGE_PARTS[place], PagePart(template, read, rank), key=attrgetter("rank"))


def init_app(app: Flask) -> None:
    app.jinja_env.globals["page_parts"] = PAGE_PARTS.__getitem__
