"""The first real input of a visit, which counting/koyjabo.js reports."""

import pytest
from support.browser.host_pages import FakeServer, begin_on, stats_of
from support.browser.pages import wait_for

CORS = {"Access-Control-Allow-Origin": "*"}
RECEIPT = {"ordinal": 4001, "today": 1, "share": "/n/4001-x", "duplicate": False}
SHOW_OR_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
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


def wait_for_reports(fake_server: FakeServer, page, *expected: dict) -> None:
    whole = [{"type": "visible", **report} for report in expected]
    wait_for(page, lambda: [sent for sent in fake_server.received if sent["type"] == "visible"] == whole, str(whole))


def test_first_real_input_is_reported_once(counting_server, host_page, site):
    """Events dispatched by a script do not count as input."""
    begin_on(counting_server, host_page, site)
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
