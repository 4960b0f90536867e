"""From a peak to a swarm of bots in the data of `make demo`, as a newcomer finds it: by clicks."""

from __future__ import annotations

import re
from datetime import date

import pytest
from support.browser.pages import check_accessible, expect
from support.programs.processes import SECRET, run

from demo.history import SWARM

DAYS = 14


@pytest.fixture(scope="module")
def site(new_site):
    """A development server with the demo's history."""
    server = new_site(ENVIRONMENT="development", SECRET_KEY=SECRET)
    command = ("-m", "demo", "--url", f"http://localhost:{server.port}", "--minutes", "0", "--days", str(DAYS))
    done = run(*command, timeout_s=180, **server.settings, PYTHONPATH="tools")
    assert done.returncode == 0, done.stderr
    return server


@pytest.mark.long(proved_by="tools/test_demo.py::test_bots_came_on_a_tuesday_without_visitors")
def test_the_swarm_is_found_by_clicks(new_device, session):
    page = new_device(storage_state=session).open("/admin/")
    bars, days = page.locator("#insights-periods .u-over"), page.locator("#insights-periods tbody tr")
    newest_first = days.locator("td:nth-child(2)").all_text_contents()
    visits = [int(re.sub(r"\D", "", text)) for text in reversed(newest_first)]
    bars.scroll_into_view_if_needed()
    box = bars.bounding_box()
    peak = visits.index(max(visits))
    bars.click(position={"x": (peak + 0.5) * box["width"] / len(visits), "y": box["height"] - 10})
    expect(page).to_have_url(re.compile("start="))
    (day,) = set(re.findall(r"(?:start|end)=([\d-]+)", page.url))
    assert date.fromisoformat(day).weekday() == 1

    card = page.get_by_role("region", name="Was anybody there?")
    card.get_by_role("link", name="Nobody was there").click()
    expect(page.locator("#insights-head .chip")).to_contain_text("Nobody was there")
    card.get_by_role("link", name="Network", exact=True).click()
    card.get_by_role("link", name="Data centre").click()
    expect(page.locator("#insights-figures [data-stat=visits]")).to_have_attribute("data-value", str(SWARM))
    rows = page.locator("#insights-page-values tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("/fares")
    check_accessible(page)
