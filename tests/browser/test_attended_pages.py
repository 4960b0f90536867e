"""Pages with counting/koyjabo.js on a real server: how long they are visible, and other evidence that a person was
there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from support.browser.host_pages import begin_live
from support.browser.pages import sent_by, wait_for
from support.faults.moved_clocks import Timed

attended = pytest.mark.long(
    proved_by="browser/test_attended_pages.py::test_page_is_attended_while_it_is_visible_and_a_driven_browser_is_noted"
)

SHOW_OR_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
TEN_MINUTES_AGO = "const now = Date.now; Date.now = () => now() - 600_000;"


@pytest.fixture
def timed(sqlite_database, tmp_path) -> Iterator[Timed]:
    """A server whose clock starts at the browser's time: later visits would look as if they had waited offline."""
    timed = Timed(sqlite_database, tmp_path)
    yield timed
    timed.server.kill()


class Tab:
    """A page on another site that counts a visit. `began_s` is when it was opened."""

    def __init__(self, page, timed: Timed) -> None:
        self.page, self.timed, self.began_s, sent = page, timed, time.monotonic(), sent_by(page, "/register")
        begin_live(page, timed.server)
        self.visit = sent[0]["visitId"]

    def hide(self) -> None:
        self.page.evaluate(SHOW_OR_HIDE, True)

    def wait_for(self, seconds: float, acted: bool = False) -> None:
        """Wait until the visit has been attended for this long, and check that its attended time is not longer than
        possible.
        """
        wait_for(self.page, lambda: self.timed.visit(self.visit) >= (1000 * seconds, acted), f"{seconds} s, {acted}")
        longest_ms = 1000 * (seconds + time.monotonic() - self.began_s)
        attended_ms, has_acted = self.timed.visit(self.visit)
        assert (attended_ms <= longest_ms, has_acted) == (True, acted), attended_ms


def test_page_is_attended_while_it_is_visible_and_a_driven_browser_is_noted(host_page, timed):
    tab = Tab(host_page, timed)
    timed.pass_(10)
    tab.hide()
    tab.wait_for(10)
    timed.pass_(20)
    host_page.reload()
    begin_live(host_page, timed.server)
    host_page.mouse.move(40, 60)
    timed.pass_(5)
    tab.hide()
    tab.wait_for(15, acted=True)
    query = f"SELECT automated FROM visits WHERE visit_id = '{tab.visit}'"
    assert [bool(*row) for row in timed.database.rows(query)] == [True]


def answered_heartbeat(page):
    return page.expect_event("requestfinished", lambda request: request.url.endswith("/heartbeat"))


@attended
def test_page_on_a_stream_is_attended_until_it_is_left(page, device, timed, other_site):
    page.goto(f"{other_site}?policy={quote('connect-src http:')}")
    with answered_heartbeat(page):
        tab = Tab(page, timed)
    timed.pass_(30)
    tab.hide()
    tab.wait_for(30)
    timed.pass_(20)
    with answered_heartbeat(page):
        page.evaluate(SHOW_OR_HIDE, False)
    page.mouse.move(40, 60)
    timed.pass_(15)
    page.goto(other_site)
    tab.wait_for(45, acted=True)
    device.violations.clear()


@attended
def test_two_tabs_have_their_own_times(host_page, device, timed, other_site):
    other = device.context.new_page()
    other.goto(other_site)
    first, second = Tab(host_page, timed), Tab(other, timed)
    timed.pass_(10)
    first.hide()
    first.wait_for(10)
    timed.pass_(25)
    other.mouse.move(40, 60)
    second.hide()
    second.wait_for(35, acted=True)
    first.wait_for(10)


@attended
def test_visit_that_was_offline_is_not_measured(host_page, device, timed, other_site):
    host_page.evaluate(TEN_MINUTES_AGO)
    late = Tab(host_page, timed)
    other = device.context.new_page()
    other.goto(other_site)
    present = Tab(other, timed)
    timed.pass_(10)
    for tab in (late, present):
        tab.page.mouse.move(40, 60)
        tab.hide()
    present.wait_for(10, acted=True)
    query = f"SELECT attended_ms FROM visits WHERE visit_id = '{late.visit}'"
    assert timed.database.rows(query) == [(None,)]
