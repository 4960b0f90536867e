"""Which pages of another site are page views, with real navigations: the visit's page and each page after it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from pages import wait_for
from test_count_element import tag

WHO = "localStorage.visitorId"
folders = count(1)


class Walk:
    """Pages of another site with the line. Each walk has its own folder."""

    def __init__(self, page, site, address: str) -> None:
        self.page, self._site, self._folder = page, site, f"/walk{next(folders)}"
        self._base = f"{address.rstrip('/')}{self._folder}"
        page.route(f"{self._base}/**", self._answer)

    def _answer(self, route) -> None:
        links = "".join(f'<a href="{self._folder}/{name}">{name}</a> ' for name in "abc")
        body = f"<!doctype html>{links}<koyjabo-count></koyjabo-count>{tag(self._site)}"
        route.fulfill(content_type="text/html", body=body)

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self._base}/{path}")

    def click(self, name: str) -> None:
        self.page.click(f"text={name}")
        self.page.wait_for_url(f"**/{name}")

    def counts(self, visits: list[str], views: list[str]) -> None:
        """Wait until these pages are all that is counted."""
        database, folder = self._site.database, self._folder

        def found() -> list[list[str]]:
            of_visits = f"SELECT page FROM visits WHERE page LIKE '{folder}/%' ORDER BY id"
            of_views = f"SELECT page FROM events WHERE page LIKE '{folder}/%' ORDER BY client_ms"
            return [[page.removeprefix(folder) for (page,) in database.rows(query)] for query in (of_visits, of_views)]

        wait_for(self.page, lambda: found() == [visits, views], "the pages are counted")


@pytest.fixture
def walk(page, site, other_site) -> Walk:
    return Walk(page, site, other_site)


def held(page) -> Callable[[], None]:
    """Hold the responses to registrations. Returns what releases them."""
    routes: list = []
    page.route("**/api/visitor/register", lambda route: routes.append(route))

    def release() -> None:
        page.unroute("**/api/visitor/register")
        for route in routes:
            route.continue_()

    return release


def test_pages_that_are_opened_before_the_first_response_are_views_of_one_visit(walk):
    release = held(walk.page)
    walk.open("a")
    walk.page.wait_for_function(f"!!{WHO}")
    for name in "bc":
        walk.click(name)
        walk.page.wait_for_function("!!customElements.get('koyjabo-count')")
    release()
    walk.counts(["/a"], ["/b", "/c"])
