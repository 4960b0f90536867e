"""Pages with counting/koyjabo.js on a real server: how long they are visible, and other evidence that a person was
there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from host_pages import begin, begin_live, state
from pages import sent_by, wait_for
from support.faults.moved_clocks import Timed

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


def attended(page, timed: Timed, visit: str, seconds: float, began_s: float, acted: bool = False) -> None:
    """Wait until the visit has been attended for this long, and check that it was not attended for longer."""
    page.evaluate(SHOW_OR_HIDE, True)
    wait_for(page, lambda: timed.has(visit, seconds, acted), f"{seconds} s, {acted}")
    attended_ms, has_acted = timed.visit(visit)
    assert (attended_ms <= 1000 * (seconds + time.monotonic() - began_s), has_acted) == (True, acted), attended_ms


def test_a_page_is_attended_while_it_is_visible_and_a_driven_browser_is_noted(host_page, timed):
    began_s, sent = time.monotonic(), sent_by(host_page, "/register")
    begin_live(host_page, timed.server)
    visit = sent[0]["visitId"]
    timed.pass_(10)
    attended(host_page, timed, visit, 10, began_s)
    timed.pass_(20)
    host_page.reload()
    begin_live(host_page, timed.server)
    host_page.mouse.move(40, 60)
    timed.pass_(5)
    attended(host_page, timed, visit, 15, began_s, acted=True)
    assert [bool(*row) for row in timed.database.rows("SELECT automated FROM visits")] == [True]


def test_the_waiting_time_of_a_visit_is_right_although_the_devices_clock_was_set(new_device, other_site, timed):
    """Phones set their clock when the network is back, which is also when they send what has waited."""
    device = new_device()
    host_page = device.open(other_site)
    host_page.clock.install(time=in_years(-5))
    host_page.evaluate("(url) => import(url).then(() => null)", module_of(timed))
    host_page.evaluate("(url) => import(url).then(() => null)", module_of(timed).replace(".js", "-queue.2.js"))
    device.context.set_offline(True)
    begin(host_page, timed.server)
    wait_for(host_page, lambda: state(host_page)[1] == "offline", "it finds no network")
    (visit,) = host_page.evaluate(WAITING)
    host_page.clock.fast_forward(600_000)
    host_page.clock.set_system_time(in_years(0))
    device.context.set_offline(False)
    wait_for(host_page, lambda: host_page.evaluate(WAITING) == [], "its queue has sent the visit")
    assert 600 <= waited_s(timed, visit) < 660
    attended = timed.database.rows(f"SELECT attended_ms IS NOT NULL FROM visits WHERE visit_id = '{visit}'")
    assert attended == [(False,)]


def in_years(years: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=365 * years)


def module_of(timed: Timed) -> str:
    return f"http://localhost:{timed.server.port}/static/js/koyjabo.js"


def waited_s(timed: Timed, visit: str) -> float:
    ((waited_ms,),) = timed.database.rows(f"SELECT waited_ms FROM visits WHERE visit_id = '{visit}'")
    return waited_ms / 1000
