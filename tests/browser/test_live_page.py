"""js/live.js: parts of a page are kept as the server would write them, and their readers stay where they are."""

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
  addEventListener("replaced", ({ target }) => { window.replaced = target.id; });
}
"""
HIDE = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
SHOW = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
BE_IMPATIENT = "window.patience = AbortSignal.timeout; AbortSignal.timeout = () => patience.call(AbortSignal, 500)"
BE_PATIENT = "AbortSignal.timeout = patience"


class Rows:
    """A page of this many rows, as the server would write it now."""

    def __init__(self, page) -> None:
        self.page, self.count, self.asked, self.hangs = page, 50, 0, False
        page.route("**/rows", self._answer)
        page.goto("/rows")
        page.evaluate(BEGIN)
        page.evaluate("document.querySelector('#rows').scrollTop = 300")

    def _answer(self, route) -> None:
        self.asked += 1
        rows = "".join(f"<p>{row}</p>" for row in range(self.count))
        if not self.hangs:
            route.fulfill(content_type="text/html", body=PAGE.format(rows=rows))

    def refresh(self) -> None:
        self.page.evaluate("window.live.refresh()")

    def wait_for(self, count: int) -> None:
        wait_for(self.page, lambda: self.page.locator("#rows p").count() == count, "the new row")
        assert self.page.evaluate("document.querySelector('#rows').scrollTop") == 300
        assert self.page.evaluate("window.replaced") == "rows"


def test_part_is_taken_over_where_its_reader_is_also_after_an_answer_that_never_comes(page):
    rows = Rows(page)
    page.evaluate(BE_IMPATIENT)
    rows.hangs = True
    rows.refresh()
    wait_for(page, lambda: rows.asked == 2, "it is asked for")
    page.evaluate(BE_PATIENT)
    rows.hangs, rows.count = False, 51
    rows.refresh()
    rows.wait_for(51)


def test_page_that_nobody_looks_at_is_asked_for_when_somebody_does(page):
    rows = Rows(page)
    page.evaluate(HIDE)
    rows.count = 51
    page.clock.install()
    rows.refresh()
    page.clock.run_for(60_000)
    assert rows.asked == 1
    page.evaluate(SHOW)
    rows.wait_for(51)
    assert rows.asked == 2
