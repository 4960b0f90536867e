"""Pages with counting/koyjabo.js on a real server: how long they are visible, and other evidence that a person was
there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import pytest
from support.browser.chromium import OPTIONS, chromium
from support.browser.host_pages import begin, begin_live, state
from support.browser.pages import PHONE, sent_by, wait_for
from support.faults.moved_clocks import Timed
from support.programs.processes import suspended

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

attended = pytest.mark.long(
    proved_by="browser/test_attended_pages.py::test_page_is_attended_while_it_is_visible_and_a_driven_browser_is_noted"
)

SHOW_OR_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
WAITING = "Object.keys(localStorage).map((key) => key.split('koyjabo.waiting ')[1]).filter(Boolean)"


@pytest.fixture
def timed(sqlite_database, tmp_path) -> Iterator[Timed]:
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
        wait_for(self.page, lambda: self.timed.has(self.visit, seconds, acted), f"{seconds} s, {acted}")
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


@pytest.mark.parametrize("years", [-5, pytest.param(5, marks=attended)])
def test_page_on_a_device_whose_clock_is_wrong_by_years_is_attended(host_page, timed, years):
    host_page.clock.install(time=in_years(years))
    tab = Tab(host_page, timed)
    timed.pass_(10)
    tab.hide()
    tab.wait_for(10)
    assert waited_s(timed, tab.visit) < 60


@pytest.mark.parametrize(
    ("years", "waits_s", "is_measured"),
    [
        (-5, 600, False),
        *(pytest.param(*case, marks=attended) for case in ((5, 600, False), (-5, 0, True), (5, 0, True))),
    ],
)
def test_visit_has_waited_as_long_as_it_did_although_the_clock_was_set(
    host_page, device, timed, years, waits_s, is_measured
):
    """Phones set their clock when the network is back, which is also when they send what has waited."""
    host_page.clock.install(time=in_years(years))
    host_page.evaluate("(url) => import(url).then(() => null)", module_of(timed))
    host_page.evaluate("(url) => import(url).then(() => null)", module_of(timed).replace(".js", "-queue.js"))
    device.context.set_offline(True)
    begin(host_page, timed.server)
    wait_for(host_page, lambda: state(host_page)[1] == "offline", "it finds no network")
    (visit,) = host_page.evaluate(WAITING)
    host_page.clock.fast_forward(1000 * waits_s)
    host_page.clock.set_system_time(in_years(0))
    device.context.set_offline(False)
    wait_for(host_page, lambda: host_page.evaluate(WAITING) == [], "its queue has sent the visit")
    assert waits_s <= waited_s(timed, visit) < waits_s + 60
    attended = timed.database.rows(f"SELECT attended_ms IS NOT NULL FROM visits WHERE visit_id = '{visit}'")
    assert attended == [(is_measured,)]


@attended
@pytest.mark.parametrize("years", [-5, 5])
@pytest.mark.parametrize("kind", ["element", "frame", "home page"])
def test_no_client_is_late_on_a_device_whose_clock_is_wrong(page, timed, other_site, kind, years):
    url = f"http://localhost:{timed.server.port}"
    page.clock.install(time=in_years(years))
    page.goto(url if kind == "home page" else other_site)
    if kind == "element":
        script = f'<script type="module" src="{url}/static/js/koyjabo-count.js"></script>'
        page.set_content(f"<koyjabo-count></koyjabo-count>{script}")
    elif kind == "frame":
        page.set_content(f'<iframe src="{url}/embed?counts=1"></iframe>')
    query = "SELECT waited_ms < 60000, attended_ms IS NOT NULL, client_ms / 31536000000 FROM visits"
    wait_for(page, lambda: timed.database.rows(query), "it is counted")
    year = int(in_years(years).timestamp() / 31_536_000)
    assert timed.database.rows(query) == [(True, True, year)]


def in_years(years: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=365 * years)


def module_of(timed: Timed) -> str:
    return f"http://localhost:{timed.server.port}/static/js/koyjabo.js"


def waited_s(timed: Timed, visit: str) -> float:
    ((waited_ms,),) = timed.database.rows(f"SELECT waited_ms FROM visits WHERE visit_id = '{visit}'")
    return waited_ms / 1000


@pytest.fixture
def phone(browser: Browser) -> Iterator[tuple[BrowserContext, Callable[[], list[psutil.Process]]]]:
    """A phone with its own browser, and a function for the present processes of this browser: it starts them as needed,
    also the one that answers pings.
    """
    others = psutil.Process().children(recursive=True)
    own = browser.browser_type.launch(executable_path=chromium(), args=OPTIONS)
    launched = {it for it in psutil.Process().children(recursive=True) if it not in others}
    context = own.new_context(**PHONE)
    yield context, lambda: list(launched.union(*(it.children(recursive=True) for it in launched if it.is_running())))
    own.close()


@contextmanager
def offline(context: BrowserContext, processes: Callable[[], list[psutil.Process]]) -> Iterator[None]:
    context.set_offline(True)
    yield


@contextmanager
def frozen(context: BrowserContext, processes: Callable[[], list[psutil.Process]]) -> Iterator[None]:
    """Freeze the whole browser, as phones do in the background. Its connections stay open, and are never answered."""
    with suspended(processes()):
        yield
