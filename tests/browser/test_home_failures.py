"""What the page does when something fails: it says so, shows what it knows, and is right again by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.pages import expect, stat, visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

REGISTER = "**/api/visitor/register"
REGISTERED = "✅ Visit registered with backend"
BACK_ONLINE = "dispatchEvent(new Event('online'))"


def line_says(page: Page, words: str) -> None:
    expect(page.locator("[data-line]")).to_contain_text(words)


def total_is(page: Page, total: int) -> None:
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")


def visit_ids(page: Page) -> list[str]:
    """Filled with the `visitId` of each registration that the page sends."""
    sent: list[str] = []
    page.on("request", lambda request: "register" in request.url and sent.append(request.post_data_json["visitId"]))
    return sent


def test_page_says_that_the_server_is_away_and_is_right_when_it_is_back(page, site):
    visit(page)
    line_says(page, "Live")
    before = site.stats().total
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    site.stop()
    line_says(page, "Offline")
    wait_for(page, lambda: sum(url.endswith("/api/stats") for url in asked) >= 2, "it goes on asking")
    total_is(page, before)
    site.start()
    missed = site.register("somebody").stats.total
    line_says(page, "Live")
    total_is(page, missed)


def test_page_asks_every_2_s_while_it_has_no_socket(page, site):
    page.clock.install()
    page.route_web_socket("**/*", lambda socket: socket.close())
    page.route("**/api/stream", lambda route: route.abort())
    visit(page)
    line_says(page, "Reconnecting; updating every 2 seconds")
    for _ in range(4):
        total = site.register("somebody").stats.total
        with page.expect_request("**/api/stats"):
            page.clock.run_for(2000)
        total_is(page, total)


def test_500_is_a_warning_and_the_number_comes_from_get(page, device, site):
    page.route(REGISTER, lambda route: route.fulfill(status=500, json={"error": "no", "code": "no"}))
    stats = site.register("somebody").stats
    visit(page)
    fallback = (
        f"📊 Backend sync - Total: {stats.total}, Today: {stats.today}, Active: {stats.active} [from GET fallback]"
    )
    wait_for(page, lambda: fallback in device.console, "the number comes from GET")
    assert "⚠️ Failed to register visit with backend, status: 500" in device.console
    assert REGISTERED not in device.console
    total_is(page, stats.total)


def test_lost_answer_is_an_error_and_the_visit_is_sent_again_under_its_name(page, device, site):
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    before, sent = site.stats().total, visit_ids(page)
    page.route(REGISTER, lose, times=1)
    visit(page)
    wait_for(page, lambda: any(line.startswith("❌ Error registering visit:") for line in device.console), "an error")
    line_says(page, "Live")
    with page.expect_request(REGISTER, timeout=3000):  # by itself it would wait some 5 s
        page.evaluate(BACK_ONLINE)
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert site.stats().total == before + 1


DRAINED = "() => { window.drained = new Promise((done) => addEventListener('koyjaboWaiting', done)); }"
REMOVED = "() => window.drained.then(() => navigator.locks.request('koyjabo.waiting', () => 1))"


def test_visit_that_is_counted_while_the_queue_is_loaded_is_not_sent_a_third_time(page, device, site):
    held: list[Route] = []
    sent = visit_ids(page)
    page.route(REGISTER, lambda route: route.abort(), times=1)
    page.route("**/js/koyjabo-queue*", lambda route: held.append(route))
    visit(page)
    wait_for(page, lambda: held, "the queue is asked for")
    page.evaluate(BACK_ONLINE)
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    page.evaluate(DRAINED)
    for route in held:
        route.continue_()
    page.evaluate(REMOVED)
    assert (len(sent), len(set(sent))) == (2, 1)


def test_reload_before_the_answer_sends_the_same_visit(page, device, site):
    before, sent = site.stats().total, visit_ids(page)
    page.route(REGISTER, lambda route: route.fetch(), times=1)  # counted, and never answered
    visit(page)
    wait_for(page, lambda: site.stats().total == before + 1, "it is counted")
    page.reload()
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert sent[0] == sent[1]
    assert site.stats().total == before + 1


def test_what_is_refused_for_good_is_not_sent_again(page, device, site):
    sent = visit_ids(page)
    page.route(REGISTER, lambda route: route.fulfill(status=404, json={"error": "no", "code": "no"}))
    page.clock.install()
    visit(page)
    line_says(page, "Live")
    page.clock.run_for(60_000)
    assert len(sent) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_comes_when_the_server_has_said(page, site, status):
    sent = visit_ids(page)
    refusal = {"status": status, "json": {}, "headers": {"Retry-After": "40"}}
    page.route(REGISTER, lambda route: route.fulfill(**refusal), times=1)
    page.clock.install()
    visit(page)
    line_says(page, "Live")
    page.evaluate(BACK_ONLINE)
    page.clock.run_for(30_000)
    assert len(sent) == 1
    page.clock.run_for(12_000)
    wait_for(page, lambda: len(sent) == 2, "it is sent again")


def test_retry_does_not_wait_for_a_clock_that_was_set_back(page, site):
    sent = visit_ids(page)
    page.route(REGISTER, lambda route: route.fulfill(status=500, json={}), times=1)
    page.clock.install()
    visit(page)
    line_says(page, "Live")
    page.evaluate("const now = Date.now; Date.now = () => now() - 3_600_000")
    page.clock.run_for(9_000)
    wait_for(page, lambda: len(sent) == 2, "it is sent again")


def test_page_without_network_keeps_what_it_showed(page, device, site):
    visit(page)
    line_says(page, "Live")
    total = site.stats().total
    device.context.set_offline(True)
    line_says(page, "Offline")
    missed = site.register("somebody").stats.total
    total_is(page, total)
    device.context.set_offline(False)
    line_says(page, "Live")
    total_is(page, missed)


def test_visitor_without_a_socket_stays_active(page, site):
    beats = []
    page.on("request", lambda request: "heartbeat" in request.url and beats.append(request.post_data_json))
    page.route_web_socket("**/*", lambda socket: socket.close())
    page.route("**/api/stream", lambda route: route.abort())
    page.clock.install()
    visit(page)
    line_says(page, "Reconnecting; updating every 2 seconds")
    visitor = page.evaluate("localStorage.getItem('visitorId')")
    assert re.fullmatch(r"visitor_\d{13}_[a-z0-9]{9}", visitor)
    page.clock.run_for(64_000)
    wait_for(page, lambda: beats == [{"visitorId": visitor}], "a heartbeat")
