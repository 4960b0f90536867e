"""When something fails, the page reports it, keeps its numbers, and recovers by itself."""

import re

import pytest
from support.browser.pages import away, expect, sent_by, stat, visit, wait_for

counted = pytest.mark.long(
    proved_by="browser/test_home_failures.py::test_lost_answer_is_an_error_and_the_visit_is_sent_again_under_its_name"
)
shown = pytest.mark.long(
    proved_by="browser/test_home_failures.py::test_page_says_that_the_server_is_away_and_is_right_when_it_is_back"
)

REGISTER = "**/api/visitor/register"
REGISTERED = "✅ Visit registered with backend"
BACK_ONLINE = "dispatchEvent(new Event('online'))"


FORGET_NUMBER = """() => {
  const key = Object.keys(sessionStorage).find((name) => name.startsWith("koyjabo.visit"));
  const { receipt, ...older } = JSON.parse(sessionStorage[key]);
  sessionStorage[key] = JSON.stringify({ ...older, isRegistered: true });
}"""


def own(page):
    return page.locator("[data-own]")


def line_says(page, words: str) -> None:
    expect(page.locator("[data-line]")).to_contain_text(words)


def total_is(page, total: int) -> None:
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")


def test_page_says_that_the_server_is_away_and_is_right_when_it_is_back(page, site):
    visit(page)
    line_says(page, "Live")
    before = site.stats().total
    asked = sent_by(page, "/api/stats")
    with away(site):
        line_says(page, "Offline")
        wait_for(page, lambda: len(asked) >= 2, "it goes on asking")
        total_is(page, before)
    missed = site.register("somebody").stats.total
    line_says(page, "Live")
    total_is(page, missed)


@shown
def test_page_without_a_socket_asks_every_2_s_and_its_visitor_stays_active(page, site):
    beats = sent_by(page, "heartbeat")
    page.clock.install()
    page.route_web_socket("**/*", lambda socket: socket.close())
    page.route("**/api/stream", lambda route: route.abort())
    visit(page)
    line_says(page, "Reconnecting; updating every 2 seconds")
    visitor = page.evaluate("localStorage.getItem('visitorId')")
    assert re.fullmatch(r"visitor_\d{13}_[a-z0-9]{9}", visitor)
    for _ in range(4):
        total = site.register("somebody").stats.total
        with page.expect_request("**/api/stats"):
            page.clock.run_for(2000)
        total_is(page, total)
    page.clock.run_for(56_000)
    wait_for(page, lambda: len(beats) > 1, "heartbeats")
    assert {beat["visitorId"] for beat in beats} == {visitor}


@counted
def test_500_is_a_warning_and_the_number_comes_from_get(page, device, site):
    lines, totals = set(), set()

    def keep(route) -> None:
        """Note what the page may write. Pages of earlier tests may still be leaving, so `activeUsers` may change."""
        response = route.fetch()
        got = response.json()
        total, today, active = got["totalVisits"], got["todayVisits"], got["activeUsers"]
        lines.add(f"📊 Backend sync - Total: {total}, Today: {today}, Active: {active} [from GET fallback]")
        totals.add((total, today))
        route.fulfill(response=response)

    page.route(REGISTER, lambda route: route.fulfill(status=500, json={"error": "no", "code": "no"}))
    page.route("**/api/stats", keep)
    stats = site.register("lima").stats
    visit(page)
    wait_for(page, lambda: any(line in device.console for line in lines), "the number comes from GET")
    assert {(stats.total, stats.today)} == totals
    assert "⚠️ Failed to register visit with backend, status: 500" in device.console
    assert REGISTERED not in device.console
    total_is(page, stats.total)


def test_lost_answer_is_an_error_and_the_visit_is_sent_again_under_its_name(page, device, site):
    def lose(route) -> None:
        route.fetch()
        route.abort()

    before, sent = site.stats().total, sent_by(page, "register")
    page.route(REGISTER, lose, times=1)
    visit(page)
    wait_for(page, lambda: any(line.startswith("❌ Error registering visit:") for line in device.console), "an error")
    line_says(page, "Live")
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert len({body["visitId"] for body in sent}) == 1
    assert site.stats().total == before + 1


def test_page_of_a_refused_visit_says_so_until_it_has_its_number(page, site):
    before = site.stats().total
    with site.database.locked():
        visit(page)
        expect(own(page)).to_have_text("Your visit is not saved yet. This page keeps trying.")
        total_is(page, before)
    page.evaluate(BACK_ONLINE)  # otherwise it would wait some seconds longer
    expect(own(page)).to_contain_text(f"You are visit no. {before + 1:,}, ")
    total_is(page, before + 1)


@pytest.mark.long(
    proved_by="browser/test_home_failures.py::test_page_of_a_refused_visit_says_so_until_it_has_its_number"
)
def test_session_that_an_older_client_has_counted_is_one_of_todays_visits(page, site):
    visit(page)
    expect(own(page)).to_contain_text("You are visit no.")
    page.evaluate(FORGET_NUMBER)
    page.reload()
    expect(own(page)).to_have_text(f"You are one of today's {site.stats().today:,} visits.")


@counted
def test_reload_before_the_answer_sends_the_same_visit(page, device, site):
    before, sent = site.stats().total, sent_by(page, "register")
    page.route(REGISTER, lambda route: route.fetch(), times=1)  # counted, but the response is lost
    visit(page)
    wait_for(page, lambda: site.stats().total == before + 1, "it is counted")
    page.reload()
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert sent[0]["visitId"] == sent[1]["visitId"]
    assert site.stats().total == before + 1


@counted
def test_retry_comes_when_the_server_has_said_whatever_the_clock_says(page, site):
    sent = sent_by(page, "register")
    page.route(REGISTER, lambda route: route.fulfill(status=503, json={}, headers={"Retry-After": "40"}), times=1)
    page.clock.install()
    visit(page)
    line_says(page, "Live")
    page.evaluate("const now = Date.now; Date.now = () => now() - 3_600_000")  # the clock was set back
    page.evaluate(BACK_ONLINE)
    page.clock.run_for(30_000)
    assert len(sent) == 1
    page.clock.run_for(12_000)
    wait_for(page, lambda: len(sent) == 2, "it is sent again")
