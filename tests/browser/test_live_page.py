"""js/live.js: parts of a page are kept as the server would write them, without anybody losing their place."""

from __future__ import annotations

import pytest
from support.pages import wait_for

pytestmark = pytest.mark.long(
    proved_by="browser/test_realtime_page.py::test_visit_is_a_row_a_minute_and_a_place_without_a_request"
)

PAGE = """<!doctype html><title>Rows</title>
<div id="rows" data-live tabindex="0" style="height: 100px; overflow: auto">{rows}</div>"""
BEGIN = """
async () => {
  const { LivePage } = await import("/static/js/live.js");
  window.live = new LivePage();
}
"""
HIDE = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
SHOW = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
BE_IMPATIENT = "window.patience = AbortSignal.timeout; AbortSignal.timeout = () => patience.call(AbortSignal, 2000)"
BE_PATIENT = "AbortSignal.timeout = patience"


class Rows:
    """A page of this many rows, as the server would write it now."""

    def __init__(self, page) -> None:
        self.count, self.asked, self.hangs = 50, 0, False
        page.route("**/rows", self._answer)

    def _answer(self, route) -> None:
        self.asked += 1
        rows = "".join(f"<p>{row}</p>" for row in range(self.count))
        if not self.hangs:
            route.fulfill(content_type="text/html", body=PAGE.format(rows=rows))


@pytest.fixture
def rows(page) -> Rows:
    rows = Rows(page)
    page.goto("/rows")
    page.evaluate(BEGIN)
    return rows


def shows(page, count: int) -> bool:
    return page.locator("#rows p").count() == count


def test_part_is_taken_over_where_its_reader_is(rows, page):
    page.evaluate("document.querySelector('#rows').scrollTop = 300")
    page.evaluate("addEventListener('replaced', (event) => (window.replaced = event.target.id))")
    rows.count = 51
    page.evaluate("window.live.refresh()")
    wait_for(page, lambda: shows(page, 51), "the new row")
    assert page.evaluate("document.querySelector('#rows').scrollTop") == 300
    assert page.evaluate("window.replaced") == "rows"


def test_page_that_nobody_looks_at_is_asked_for_when_somebody_does(rows, page):
    page.evaluate(HIDE)
    rows.count, asked = 51, rows.asked
    page.clock.install()
    page.evaluate("window.live.refresh()")
    page.clock.run_for(60_000)
    assert rows.asked == asked
    page.evaluate(SHOW)
    wait_for(page, lambda: shows(page, 51), "the new row")
    assert rows.asked == asked + 1


def test_answer_that_never_comes_stops_nothing(rows, page):
    page.evaluate(BE_IMPATIENT)
    rows.hangs, asked = True, rows.asked
    page.evaluate("window.live.refresh()")
    wait_for(page, lambda: rows.asked == asked + 1, "it is asked for")
    page.evaluate(BE_PATIENT)
    rows.hangs, rows.count = False, 51
    page.evaluate("window.live.refresh()")
    wait_for(page, lambda: shows(page, 51), "the new row")
