"""Page views on another site, with real navigations: the page of the visit, and each page after it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from pages import wait_for
from test_count_element import tag

folders = count(1)


class Walk:
    """Pages of another site with the line. Each walk has its own folder."""

    def __init__(self, page, site, address: str) -> None:
        self.page, self.site, self.folder = page, site, f"walk{next(folders)}"
        self._address = address

    def open(self, name: str, content: str = "") -> None:
        self.page.goto(f"{self._address}{self.folder}/{name}")
        self.page.set_content(f"<koyjabo-count></koyjabo-count>{tag(self.site)}{content}")

    def click(self, text: str, path: str = "") -> None:
        """Follow a link, and wait until its page is a view."""
        with self.page.expect_request("**/api/events"):
            self.page.get_by_text(text, exact=True).click()
            self.page.wait_for_url(f"**/{path or text}")

    def counts(self, visits: list[str], views: list[str]) -> None:
        """Wait until these pages are all that is counted."""
        queries = [
            f"SELECT page FROM {table} WHERE page LIKE '/{self.folder}/%' ORDER BY {order}"
            for table, order in (("visits", "id"), ("events", "client_ms"))
        ]

        def found() -> list[list[str]]:
            rows = map(self.site.database.rows, queries)
            return [[page.removeprefix(f"/{self.folder}/") for (page,) in pages] for pages in rows]

        wait_for(self.page, lambda: found() == [visits, views], "the pages are counted")


@pytest.fixture
def walk(page, site, other_site) -> Walk:
    return Walk(page, site, other_site)


def held(page) -> Callable[[], None]:
    """Hold the requests of registrations. Returns what releases them."""
    routes = []
    page.route("**/api/visitor/register", lambda route: routes.append(route))

    def release() -> None:
        routes[-1].continue_()  # the others' pages are gone
        page.unroute("**/api/visitor/register")

    return release


def test_pages_that_are_opened_before_the_first_response_are_views_of_one_visit(walk):
    release = held(walk.page)
    for name in ("a", "b", "c"):
        walk.open(name)
        walk.page.wait_for_function("!!window.koyjaboShared && Object.keys(koyjaboShared).length > 0")
    release()
    walk.counts(["a"], ["b", "c"])


PROOF = "clients/test_modules.py::test_page_views_are_counted_once_and_by_default"
HISTORIES = {"": "", "?hash": "home#/"}
"""Kinds of Vue Router's history, and how their paths begin."""


@pytest.mark.long(proved_by=PROOF)
@pytest.mark.parametrize("kind", HISTORIES)
def test_each_page_of_vue_router_is_one_view_under_its_own_path(walk, bundle, kind):
    page, start = walk.page, HISTORIES[kind]
    page.route("**/built/*.js", lambda route: route.fulfill(path=bundle("vue-router")))
    walk.open(
        f"home{kind}{'#/home' if kind else ''}",
        '<main></main><script type="module" src="/built/vue-router.js"></script>',
    )
    walk.counts([f"{start}home"], [])
    walk.click("a")
    walk.click("b")
    for same in ("b?page=2", "b#part"):
        page.get_by_text(same, exact=True).click()
        page.wait_for_url(f"**/{same}")
    for _ in range(2):
        page.go_back()
    with page.expect_request("**/api/events"):
        page.go_back()
    walk.click("old", "new")
    walk.counts([f"{start}home"], [f"{start}{name}" for name in ("a", "b", "a", "new")])
