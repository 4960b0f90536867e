"""The panel's sections and their pages, which features add when they are registered, for the navigation, a section's
tabs and the command menu.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Flask, Request, url_for

from koyjabo.web.blueprints import is_in_panel
from koyjabo.web.current import current

OVERVIEW_SECTION, CONNECT_SECTION = "panel_overview.overview", "panel_connect.connect"
SERVER = "panel_server.server"
"""Endpoints of pages that several features have a part of."""


class Shortcut(NamedTuple):
    """A part of a page, or a subpage, that the command menu lists."""

    label: object  # in English, or translated when it is shown
    endpoint: str
    anchor: str = ""
    for_admins: bool = False
    rank: int = 0  # shortcuts of a page are listed by rank
    words: object = ""  # what people search for instead of the label


class PanelPage(NamedTuple):
    """A page in a section. Its subpages' templates name its endpoint in their `panel_page` block."""

    endpoint: str
    label: object
    icon: str = ""  # of a section's first page
    section: str = ""  # the endpoint of the section's first page, if this is another one
    rank: int = 0  # sections, and the other pages of a section, are shown by rank
    words: object = ""  # what people search for instead of the label


class PanelSection(NamedTuple):
    """A navigation item. It opens its first page; if there are several pages, they are shown as tabs."""

    pages: list[PanelPage]

    @property
    def first(self) -> PanelPage:
        return self.pages[0]

    def has(self, endpoint: str) -> bool:
        return any(page.endpoint == endpoint for page in self.pages)


class Navigation:
    def __init__(self) -> None:
        self._pages: list[PanelPage] = []
        self._shortcuts: dict[str, list[Shortcut]] = {}

    def add(self, *pages: PanelPage) -> None:
        self._pages = sorted((*self._pages, *pages), key=attrgetter("rank"))

    def add_shortcuts(self, page: str, *shortcuts: Shortcut) -> None:
        """Add entries to the command menu for parts of the page with this endpoint."""
        added = (*self._shortcuts.get(page, ()), *shortcuts)
        self._shortcuts[page] = sorted(added, key=attrgetter("rank"))

    def sections(self) -> list[PanelSection]:
        return [
            PanelSection([first, *(page for page in self._pages if page.section == first.endpoint)])
            for first in self._pages
            if not first.section
        ]

    def shortcuts(self, may_change: bool) -> Iterator[Shortcut]:
        """The command menu's entries for an admin (`may_change`) or a viewer: pages, then their parts."""
        pages = [page for section in self.sections() for page in section.pages]
        for page in pages:
            yield Shortcut(page.label, page.endpoint, words=page.words)
        for page in pages:
            for part in self._shortcuts.get(page.endpoint, ()):
                if may_change or not part.for_admins:
                    yield part

    def page_at(self, path: str) -> str:
        """The endpoint of the page that an action's path belongs to: the page with the longest matching path; "" for
        none. `path` begins with the application's prefix, if there is one.
        """
        endpoints = {"": "", **{url_for(page.endpoint): page.endpoint for page in self._pages}}
        matching = (own for own in endpoints if own and f"{path}/".startswith(f"{own.rstrip('/')}/"))
        return endpoints[max(matching, key=len, default="")]


def init_app(app: Flask) -> None:
    """Add what the layout of the panel's pages uses."""
    app.jinja_env.globals.update(panel_sections=_sections, panel_page_of=_page_of, is_in_panel=is_in_panel)


def _sections() -> list[PanelSection]:
    return current()[Navigation].sections()


def _page_of(request: Request, back: str = "") -> str:
    """The endpoint of the navigation's page for the current request; "" outside of the panel. `back`: the path of the
    page that the request came from, if it is known
    """
    page_at = current()[Navigation].page_at
    return (page_at(urlsplit(back).path) or page_at(request.script_root + request.path)) if is_in_panel(request) else ""
