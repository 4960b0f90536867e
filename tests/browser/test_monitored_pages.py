"""Pages whose monitoring script adds headers to every request: their visits and events are counted."""

import json

import pytest
from support.browser.host_pages import begin, wait_for_state
from support.browser.pages import wait_for
from test_client_package import open_on_other_site, shop  # noqa: F401

HEADERS = {
    "sentry-trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "baggage": "sentry-environment=production,sentry-trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "dd=s:1",
    "x-datadog-trace-id": "1234567890",
    "newrelic": "eyJ2IjpbMCwxXX0=",
    "request-id": "|4bf92f3577b34da6.1.",
    "x-b3-traceid": "4bf92f3577b34da6",
}
MONITOR = """
(([headers, asRequest]) => {
  const send = window.fetch;
  window.fetch = (input, options = {}) => {
    if (asRequest) {
      const request = new Request(input, options);
      for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
      return send(request);
    }
    const all = new Headers(options.headers);
    for (const [name, value] of Object.entries(headers)) all.append(name, value);
    return send(input, { ...options, headers: all });
  };
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (...parts) {
    open.apply(this, parts);
    for (const [name, value] of Object.entries(headers)) this.setRequestHeader(name, value);
  };
})(%s)
"""
"""Monitoring scripts wrap `fetch` in one of two ways, and XMLHttpRequest."""

PROOF = "browser/test_monitored_pages.py::test_visit_of_a_page_with_a_monitoring_script_is_counted"
long = pytest.mark.long(proved_by=PROOF)


def monitor(page, as_request: bool = False) -> list[dict[str, str]]:
    """Let a monitoring script begin with the page. Returns the headers of the requests that carry its headers."""
    seen: list[dict[str, str]] = []
    page.add_init_script(MONITOR % json.dumps([HEADERS, as_request]))
    page.on("request", lambda request: seen.append(request.headers) if "baggage" in request.headers else None)
    return seen


@pytest.mark.parametrize(
    ("as_request", "options"),
    [(False, {}), pytest.param(True, {}, marks=long), pytest.param(False, {"remember": False}, marks=long)],
)
def test_visit_of_a_page_with_a_monitoring_script_is_counted(host_page, site, other_site, as_request, options):
    seen, before = monitor(host_page, as_request), site.stats().total
    host_page.goto(other_site)
    begin(host_page, site, page="/monitored", **options)
    wait_for_state(host_page, before + 1, "live")
    assert seen
    assert HEADERS.items() <= seen[0].items()
    events = site.database.rows("SELECT count(*) FROM events")[0][0]
    host_page.evaluate("window.koyjabo.track('search')")
    wait_for(host_page, lambda: site.database.rows("SELECT count(*) FROM events")[0][0] == events + 1, "it is stored")
