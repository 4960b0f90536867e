"""Streams in counting/koyjabo.js: pages whose policy or network blocks sockets are live and lose no visits."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from support.browser.host_pages import begin, state, wait_for_state
from support.browser.pages import away, freeze, sent_by, wait_for

long = pytest.mark.long(
    proved_by="browser/test_client_stream.py::test_page_whose_policy_forbids_sockets_is_live_by_a_stream"
)

NO_SOCKETS = "connect-src http:"
COUNT_STREAMS = """
const Source = window.EventSource;
window.streams = [];
window.EventSource = class extends Source { constructor(url) { super(url); window.streams.push(this); } };
"""
OPEN_STREAMS = "window.streams.filter(({ readyState }) => readyState !== 2).length"
SHOW_OR_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""


@pytest.fixture
def forbidding(device, page, other_site):
    """A page on another site whose policy allows requests but no sockets."""
    page.add_init_script(COUNT_STREAMS)
    page.goto(f"{other_site}?policy={quote(NO_SOCKETS)}")
    yield page
    assert {line.split()[0] for line in device.violations} == {"connect-src"}
    assert len(device.violations) <= 2, "the second attempt is the last"
    device.violations.clear()


def begin_streaming(page, site) -> int:
    """Start the client, and return the total when the page is live."""
    begin(page, site)
    wait_for(page, lambda: state(page)[1] == "live" and page.evaluate(OPEN_STREAMS) == 1, "it is live by a stream")
    return state(page)[0]


def test_page_whose_policy_forbids_sockets_is_live_by_a_stream(forbidding, site):
    """The page's clock is frozen, so the update must be immediate."""
    forbidding.clock.install()
    freeze(forbidding)
    before = site.stats().total
    assert begin_streaming(forbidding, site) == before + 1
    wait_for_state(forbidding, site.register("somebody").stats.total, "live")
    wait_for(forbidding, lambda: forbidding.evaluate("window.events.at(-1)") == site.stats().raw, "all the stats")


@long
def test_stream_comes_back_after_a_restart_and_no_visit_is_lost(forbidding, site):
    begin_streaming(forbidding, site)
    with away(site):
        wait_for(forbidding, lambda: state(forbidding)[1] == "offline", "it notices")
    total = site.register("meanwhile").stats.total
    wait_for(forbidding, lambda: state(forbidding)[0] == total, "it polls")
    wait_for_state(forbidding, total, "live")
    wait_for_state(forbidding, site.register("somebody").stats.total, "live")


@long
def test_hidden_page_has_no_stream(forbidding, site):
    begin_streaming(forbidding, site)
    forbidding.evaluate(SHOW_OR_HIDE, True)
    assert forbidding.evaluate(OPEN_STREAMS) == 0
    total = site.register("somebody").stats.total
    forbidding.evaluate(SHOW_OR_HIDE, False)
    wait_for_state(forbidding, total, "live")
    assert forbidding.evaluate(OPEN_STREAMS) == 1


@long
def test_stream_keeps_its_visitor_active_and_a_dead_stream_is_replaced(forbidding, site):
    forbidding.clock.install()
    begin_streaming(forbidding, site)
    sent = sent_by(forbidding, "/heartbeat")
    forbidding.clock.run_for(62_000)
    wait_for(forbidding, lambda: sent, "it says that it is here")
    forbidding.clock.run_for(310_000)
    assert forbidding.evaluate("window.sockets") == 2, "what a policy forbids is not tried again"
    forbidding.evaluate("window.streams.at(-1).onmessage = null")
    total = site.register("somebody").stats.total
    forbidding.clock.run_for(46_000)
    wait_for(forbidding, lambda: state(forbidding)[0] == total, "it asks")
    opened = forbidding.evaluate("window.streams.length")
    forbidding.clock.run_for(27_000)
    wait_for(forbidding, lambda: forbidding.evaluate("window.streams.length") > opened, "it opens another stream")
    wait_for_state(forbidding, site.register("another").stats.total, "live")
    assert forbidding.evaluate(OPEN_STREAMS) == 1


@long
def test_socket_that_fails_twice_is_replaced_until_it_works_again(page, other_site, site):
    """A proxy may let streams through but no sockets."""
    page.add_init_script(COUNT_STREAMS)
    refused = []

    def answer(socket) -> None:
        if len(refused) < 3:
            refused.append(socket)
            socket.on_message(lambda _: socket.close())  # the socket opened, but never became live
        else:
            socket.connect_to_server()

    page.route_web_socket("**/*", answer)
    page.clock.install()
    page.goto(other_site)
    freeze(page)  # so that the next attempt does not end this state unseen
    begin(page, site)
    wait_for(page, lambda: state(page)[1] == "polling", "it polls")
    assert page.evaluate("window.streams") == []
    page.clock.run_for(6_000)
    wait_for(page, lambda: state(page)[1] == "live", "it is live by a stream")
    page.clock.run_for(11_000)
    wait_for(page, lambda: len(refused) == 3, "the socket is tried again as usual")
    page.clock.run_for(60_000)
    assert page.evaluate("window.sockets") == 3, "and then rarely"
    page.clock.run_for(200_000)
    while page.evaluate("window.sockets") < 4:  # 5 minutes after the third
        page.clock.run_for(5_000)  # shorter than its response timeout
    wait_for(page, lambda: state(page)[1] == "live", "it is live")
    wait_for(page, lambda: page.evaluate(OPEN_STREAMS) == 0, "the socket is back")
    wait_for_state(page, site.register("somebody").stats.total, "live")
