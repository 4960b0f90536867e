"""Pages whose requests another program responds to: the table of matrix/instead.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from urllib.parse import urlsplit

import pytest
from host_pages import begin, state
from matrix.instead import CORS, INSTEAD, ONLY
from matrix.table import Cell
from pages import freeze, wait_for

NO_PUSHES = "window.WebSocket = window.EventSource = null;"
PATHS = {"visit": "/api/visitor/register", "event": "/api/events", "lazy file": "/koyjabo-queue.3.js"}
PATHS |= {"numbers": "/api/stats", "page numbers": "/api/pages"}
JSON = json.dumps({"success": True, "pages": [], "error": "Log in to this network."})
HTML = "<!doctype html><title>Our Wi-Fi</title>"
VIEWS = "(path) => window.koyjabo.pages([path], ([{ views }]) => { window.views = views; })"
TRACK = "(names) => names.map((name) => window.koyjabo.track(name))"
numbers = count()


class Way:
    """A page of another site, and the program between it and the server. Surfaces are methods."""

    def __init__(self, page, site, other_site: str, cell: Cell) -> None:
        self.page, self.site, self.cell, self.portal = page, site, cell, f"{other_site}portal"
        self.sent = 0
        self.is_refused: Callable[[str], bool] = lambda body: True
        page.clock.install()
        page.add_init_script(NO_PUSHES if "numbers" in cell.surface else "")
        page.goto(f"{other_site}posts/{next(numbers)}")
        freeze(page)

    def block(self) -> None:
        self.page.route(lambda url: urlsplit(url).path.endswith(PATHS[self.cell.surface]), self.respond)

    def respond(self, route) -> None:
        if not self.is_refused(route.request.post_data or ""):
            return route.continue_()
        self.sent += 1
        status, _, kind = self.cell.distortion.partition(" ")
        headers = {} if self.cell.place != CORS else {"Access-Control-Allow-Origin": "*"}
        if status == "redirect":
            return route.fulfill(status=302, headers={**headers, "Location": self.portal})
        if status == "204":
            return route.fulfill(status=204, headers=headers)
        headers |= {"Retry-After": "86400"} if status in ("429", "502") else {}
        is_json = kind == "JSON" or int(status) % 2
        media, body = ("application/json", JSON) if is_json else ("text/html", HTML)
        return route.fulfill(status=int(status), headers=headers, content_type=media, body=body)

    def until(self, condition: Callable[[], object], what: str) -> None:
        wait_for(self.page, lambda: self.page.clock.run_for(1_000) or condition(), what)

    def goes_on(self, condition: Callable[[], object]) -> None:
        """The server responds again."""
        self.page.unroute_all()
        self.until(condition, "it goes on by itself")
        self.until(lambda: self.page.evaluate("window.koyjabo.waiting") == 0, "nothing waits")

    def visits(self) -> int:
        return self.site.stats().total

    def events(self) -> list[str]:
        who = self.page.evaluate("localStorage.visitorId")
        rows = self.site.database.rows(f"SELECT name FROM events WHERE visitor_id = '{who}' ORDER BY name")
        return [name for (name,) in rows]

    def visit(self) -> None:
        before = self.visits()
        self.block()
        begin(self.page, self.site)
        self.until(lambda: self.sent > 2, "the page and its queue have tried")
        assert (self.visits(), self.page.evaluate("window.koyjabo.waiting")) == (before, 1)
        if self.cell.place == ONLY:
            refused = self.page.evaluate("Object.keys(localStorage).find((key) => /waiting/.test(key)).split(' ')[1]")
            self.is_refused = lambda body: refused in body
            self.page.evaluate("sessionStorage.clear()")
            self.page.reload()
            begin(self.page, self.site)
            self.until(lambda: self.visits() == before + 1, "another visit counts")
            before += 1
        self.goes_on(lambda: self.visits() == before + 1)
        assert self.visits() == before + 1

    def event(self) -> None:
        if self.cell.place == ONLY:
            self.is_refused = lambda body: "refused" in body
        self.block()
        begin(self.page, self.site)
        self.page.evaluate(TRACK, ["refused", "other"])
        self.until(lambda: self.sent > 2, "the queue has tried")
        if self.cell.place == ONLY:
            self.until(lambda: self.events() == ["other"], "the other event counts")
        else:
            assert self.events() == []
        self.goes_on(lambda: self.events() == ["other", "refused"])

    def numbers(self) -> None:
        begin(self.page, self.site)
        self.follows(lambda: state(self.page)[0])

    def page_numbers(self) -> None:
        path = f"/posts/instead{next(numbers)}"
        begin(self.page, self.site)
        self.page.evaluate(VIEWS, path)
        self.until(lambda: self.page.evaluate("window.views") == 0, "the number is shown")
        self.follows(lambda: self.page.evaluate("window.views"), path)

    def follows(self, shown: Callable[[], int], page: str | None = None) -> None:
        """A number stays, and follows the server again later."""
        self.until(lambda: shown() is not None and self.page.evaluate("window.koyjabo.isCounted"), "a number")
        self.page.clock.run_for(3_000)
        self.block()
        self.until(lambda: self.sent > 0, "the page asks, and has the response to what it had asked before")
        before = shown()
        self.site.register(f"karim{next(numbers)}", **({"page": page} if page else {}))
        self.until(lambda: self.sent > 1, "the page asks again")
        assert shown() == before
        self.goes_on(lambda: shown() == before + 1)

    def lazy_file(self) -> None:
        self.block()
        begin(self.page, self.site)
        self.page.evaluate(TRACK, ["search"])
        self.until(lambda: self.sent > 0, "the page asks for the file")
        self.goes_on(lambda: self.events() == ["search"])


@pytest.mark.parametrize("cell", INSTEAD.parameters())
def test_a_response_in_the_servers_place_has_the_outcome_of_its_row(page, site, other_site, cell):
    getattr(Way(page, site, other_site, cell), cell.method)()
