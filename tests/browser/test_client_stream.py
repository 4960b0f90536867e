"""Streams in counting/koyjabo.js: pages whose policy or network blocks sockets are live and lose no visits."""

from urllib.parse import quote

import pytest
from host_pages import begin, state, wait_for_state
from pages import freeze, wait_for

NO_SOCKETS = "connect-src http:"
COUNT_STREAMS = """
const Source = window.EventSource;
window.streams = [];
window.EventSource = class extends Source { constructor(url) { super(url); window.streams.push(this); } };
"""
OPEN_STREAMS = "window.streams.filter(({ readyState }) => readyState !== 2).length"


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


def test_a_page_whose_policy_forbids_sockets_is_live_by_a_stream(forbidding, site):
    """The page's clock is frozen, so the update must be immediate."""
    forbidding.clock.install()
    freeze(forbidding)
    before = site.stats().total
    assert begin_streaming(forbidding, site) == before + 1
    wait_for_state(forbidding, site.register("somebody").stats.total, "live")
    wait_for(forbidding, lambda: forbidding.evaluate("window.events.at(-1)") == site.stats().raw, "all the stats")
