"""webkit/live.js updates parts of a page to what the server would render, without moving the reader."""

import pytest
from support.browser.pages import wait_for

pytestmark = pytest.mark.long(proved_by="browser/test_overview.py::test_visits_show_new_visits_as_they_come")

PAGE = """<!doctype html><title>Rows</title>
<div id="rows" data-live tabindex="0" style="height: 100px; overflow: auto">{rows}</div>"""
BEGIN = """
async () => {
  const { LivePage } = await import("/static/webkit/live.js");
  window.live = new LivePage();
  addEventListener("replaced", ({ target }) => { window.replaced = target.id; });
}
"""
BE_IMPATIENT = "window.patience = AbortSignal.timeout; AbortSignal.timeout = () => patience.call(AbortSignal, 500)"
BE_PATIENT = "AbortSignal.timeout = patience"


def test_refreshed_part_keeps_its_scroll_position_even_after_a_response_was_lost(page):
    asked = []

    def answer(route) -> None:
        asked.append(route)
        if len(asked) != 2:
            rows = "".join(f"<p>{row}</p>" for row in range(50 + len(asked) // 3))
            route.fulfill(content_type="text/html", body=PAGE.format(rows=rows))

    page.route("**/rows", answer)
    page.goto("/rows")
    page.evaluate(BEGIN)
    page.evaluate("document.querySelector('#rows').scrollTop = 300")
    page.evaluate(BE_IMPATIENT)
    page.evaluate("window.live.refresh()")
    wait_for(page, lambda: len(asked) == 2, "it is asked for")
    page.evaluate(BE_PATIENT)
    page.evaluate("window.live.refresh()")
    wait_for(page, lambda: page.locator("#rows p").count() == 51, "the new row")
    assert page.evaluate("[document.querySelector('#rows').scrollTop, window.replaced]") == [300, "rows"]
