"""Reports from counting/koyjabo.js about a visit: whether its page is shown, the first input, and whether a program
drives the browser.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from support.browser.host_pages import FakeServer, begin, begin_live, begin_on, state, stats_of
from support.browser.pages import freeze, sent_by, wait_for

shown = pytest.mark.long(proved_by="browser/test_client_evidence.py::test_page_reports_when_it_is_hidden_and_shown")
acted = pytest.mark.long(proved_by="browser/test_client_evidence.py::test_first_real_input_is_reported_once")

CORS = {"Access-Control-Allow-Origin": "*"}
RECEIPT = {"ordinal": 4001, "today": 1, "share": "/n/4001-x", "duplicate": False}
SHOW_OR_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
FROM_CACHE = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
INPUTS = ["keydown", "pointermove", "touchstart", "wheel"]
LISTENED = """
window.listened = [];
const { addEventListener } = EventTarget.prototype;
EventTarget.prototype.addEventListener = function (type, call, options) {
  if (/pointer|mouse|wheel|touch|key|click|scroll/.test(type)) window.listened.push({ type, ...options });
  return addEventListener.call(this, type, call, options);
};
"""
LISTENING = """
window.listened.filter(({ signal }) => !signal.aborted)
  .map(({ type, passive, capture }) => [type, passive, capture]).sort()
"""
BEATS = "JSON.parse(sessionStorage.beats ?? '[]')"
KEEP_BEATS = f"""
const {{ fetch: sendRequest }} = window;
window.fetch = (url, options) => {{
  if (`${{url}}`.endsWith("/heartbeat")) sessionStorage.beats = JSON.stringify([...{BEATS}, JSON.parse(options.body)]);
  return sendRequest(url, options);
}};
navigator.sendBeacon = () => true;
"""
"""Playwright does not report requests from a page that is being left. Beacons are lost, as with EasyPrivacy."""

SYNTHETIC = """
for (const type of ["pointermove", "wheel", "touchstart", "keydown"]) {
  document.body.dispatchEvent(new Event(type, { bubbles: true }));
}
"""


@pytest.fixture
def counting_server(host_page, fake_server) -> FakeServer:
    """A fake server that counts the page's visit."""
    host_page.add_init_script(LISTENED)
    host_page.reload()
    answer = {"json": {"success": True, "visit": RECEIPT, "stats": stats_of(4001)}, "headers": CORS}
    host_page.route("**/api/visitor/register", lambda route: route.fulfill(**answer))
    return fake_server


def reports(fake_server: FakeServer) -> list[dict]:
    return [message for message in fake_server.received if message["type"] == "visible"]


def wait_for_reports(fake_server: FakeServer, page, *expected: dict) -> None:
    whole = [{"type": "visible", **report} for report in expected]
    wait_for(page, lambda: reports(fake_server) == whole, f"{whole} are sent")


def begin_named(fake_server: FakeServer, page, site) -> dict:
    """Start the client, wait until its socket has sent something, and return the registration."""
    sent = sent_by(page, "/register")
    begin_on(fake_server, page, site)
    wait_for(page, lambda: fake_server.received, "it sends something")
    return sent[0]


def test_page_reports_when_it_is_hidden_and_shown(counting_server, host_page, site):
    visit = begin_named(counting_server, host_page, site)
    names = {name: visit[name] for name in ("visitorId", "visitId")}
    assert counting_server.received == [{"type": "visitor", **names}], "a visible page has nothing to report"
    host_page.evaluate(SHOW_OR_HIDE, True)
    wait_for_reports(counting_server, host_page, {"visible": False})
    host_page.evaluate(SHOW_OR_HIDE, False)
    wait_for_reports(counting_server, host_page, {"visible": False}, {"visible": True})


def test_first_real_input_is_reported_once(counting_server, host_page, site):
    """Events dispatched by a script do not count as input."""
    begin_named(counting_server, host_page, site)
    assert host_page.evaluate(LISTENING) == [[name, True, True] for name in INPUTS]
    host_page.evaluate(SYNTHETIC)
    host_page.evaluate(SHOW_OR_HIDE, False)
    host_page.mouse.move(40, 60)
    host_page.keyboard.press("a")
    host_page.mouse.move(60, 80)
    host_page.evaluate(SHOW_OR_HIDE, True)
    wait_for_reports(
        counting_server, host_page, {"visible": True}, {"visible": True, "acted": True}, {"visible": False}
    )
    assert host_page.evaluate(LISTENING) == []


@acted
@pytest.mark.parametrize("name", INPUTS)
def test_each_kind_of_input_is_one(counting_server, host_page, site, name):
    begin_named(counting_server, host_page, site)
    session = host_page.context.new_cdp_session(host_page)
    if name == "touchstart":
        points = [{"x": 40, "y": 60}]
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    elif name == "wheel":
        host_page.mouse.wheel(0, 40)
    elif name == "keydown":
        host_page.keyboard.press("a")
    else:
        host_page.mouse.move(40, 60)
    wait_for_reports(counting_server, host_page, {"visible": True, "acted": True})


@acted
def test_input_is_reported_while_the_visit_is_sent(counting_server, host_page, site):
    held = []
    host_page.route("**/api/visitor/register", lambda route: held.append(route))
    begin_on(counting_server, host_page, site)
    wait_for(host_page, lambda: held, "it registers")
    host_page.mouse.move(40, 60)
    wait_for_reports(counting_server, host_page, {"visible": True, "acted": True})
    held[0].fulfill(json={"success": True, "visit": RECEIPT, "stats": stats_of(4001)}, headers=CORS)
    wait_for(host_page, lambda: len(counting_server.received) == 2, "it names its visitor")
    assert [message["type"] for message in counting_server.received] == ["visible", "visitor"]


@acted
def test_input_without_a_socket_is_reported_on_the_next_one(counting_server, host_page, site):
    host_page.clock.install()
    begin_named(counting_server, host_page, site)
    counting_server.opened[-1].close()
    wait_for(host_page, lambda: state(host_page)[1] == "offline", "it notices")
    host_page.mouse.move(40, 60)
    wait_for(host_page, lambda: host_page.evaluate(LISTENING) == [], "it is noticed")
    assert reports(counting_server) == []
    host_page.clock.run_for(6_000)
    wait_for_reports(counting_server, host_page, {"visible": True, "acted": True})


@shown
def test_page_that_opens_in_the_background_reports_it_at_once(counting_server, host_page, site):
    host_page.evaluate(SHOW_OR_HIDE, True)
    begin_named(counting_server, host_page, site)
    assert counting_server.received[0] == {"type": "visible", "visible": False}


@shown
def test_page_that_is_left_reports_that_it_is_hidden(counting_server, host_page, site):
    begin_named(counting_server, host_page, site)
    host_page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    wait_for_reports(counting_server, host_page, {"visible": False})


@shown
def test_page_from_the_cache_names_its_visit_again(counting_server, host_page, site):
    """Its socket was closed when it entered the cache."""
    begin_named(counting_server, host_page, site)
    host_page.evaluate(FROM_CACHE)
    wait_for(host_page, lambda: len(counting_server.received) == 2, "the new socket names its visitor")
    first, second = counting_server.received
    assert (first, len(counting_server.opened)) == (second, 2)


@shown
def test_page_that_does_not_count_reports_nothing_about_a_visit(counting_server, host_page, site):
    """A socket starts out as visible, so the page only reports changes."""
    beats = sent_by(host_page, "/heartbeat")
    begin(host_page, site, counts=False)
    wait_for(host_page, lambda: counting_server.received, "it names its visitor")
    host_page.mouse.move(40, 60)
    host_page.evaluate(SHOW_OR_HIDE, True)
    wait_for_reports(counting_server, host_page, {"visible": False})
    assert counting_server.received[0].keys() == {"type", "visitorId"}
    assert (host_page.evaluate("window.listened"), beats) == ([], [])


@shown
def test_visits_of_two_tabs_have_two_ids(counting_server, device, other_site, host_page, site):
    first = begin_named(counting_server, host_page, site)
    other = device.context.new_page()
    other.goto(other_site)
    sent = sent_by(other, "/register")
    begin_live(other, site)
    assert first["visitorId"] == sent[0]["visitorId"]
    assert first["visitId"] != sent[0]["visitId"]


@pytest.mark.long(proved_by="browser/test_client_module.py::test_any_page_can_import_it_and_is_one_visit")
def test_browser_that_no_program_drives_says_nothing_about_it(counting_server, host_page, site):
    host_page.evaluate("Object.defineProperty(navigator, 'webdriver', { value: false })")
    assert "webdriver" not in begin_named(counting_server, host_page, site)


@pytest.fixture
def streaming(device, page, other_site):
    """A page whose policy forbids sockets, so that it uses a stream to stay live. Its clock is frozen."""
    page.add_init_script(KEEP_BEATS)
    page.clock.install()
    page.goto(f"{other_site}?policy={quote('connect-src http:')}")
    freeze(page)
    yield page
    device.violations.clear()


def test_page_on_a_stream_sends_heartbeats_at_each_change_and_every_50_s(streaming, site, other_site):
    sent, expected = sent_by(streaming, "/register"), []
    begin(streaming, site)
    wait_for(streaming, lambda: sent and state(streaming)[1] == "live", "it is live")
    names = {name: sent[0][name] for name in ("visitorId", "visitId")}

    def wait_for_another(**beat) -> None:
        expected.append({**names, **beat})
        wait_for(streaming, lambda: streaming.evaluate(BEATS) == expected, f"{beat} is sent")

    wait_for_another(visible=True)
    streaming.clock.run_for(49_000)
    assert streaming.evaluate(BEATS) == expected
    streaming.clock.run_for(1_000)
    wait_for_another()
    streaming.mouse.move(40, 60)
    wait_for_another(visible=True, acted=True)
    streaming.evaluate(SHOW_OR_HIDE, True)
    wait_for_another(visible=False)
    streaming.clock.run_for(200_000)
    streaming.evaluate(SHOW_OR_HIDE, False)
    wait_for_another(visible=True)
    streaming.goto(other_site)
    assert streaming.evaluate(BEATS)[len(expected)] == {**names, "visible": False}


@shown
def test_page_that_does_not_listen_sends_heartbeats(host_page, site):
    beats = sent_by(host_page, "/heartbeat")
    begin(host_page, site, listens=False)
    wait_for(host_page, lambda: beats, "it sends a heartbeat")
    host_page.mouse.move(40, 60)
    wait_for(host_page, lambda: len(beats) == 2, "it reports the input")
    assert [beat.get("acted") for beat in beats] == [None, True]
    host_page.evaluate("window.koyjabo.stop()")
    host_page.evaluate(SHOW_OR_HIDE, True)
    assert (len(beats), host_page.evaluate("window.sockets")) == (2, 0)
