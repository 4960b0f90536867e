"""When something fails, the page reports it, keeps its numbers, and recovers by itself."""

from pages import away, expect, sent_by, stat, visit, wait_for

REGISTER = "**/api/visitor/register"
REGISTERED = "✅ Visit registered with backend"
BACK_ONLINE = "dispatchEvent(new Event('online'))"


def own(page):
    return page.locator("[data-own]")


def line_says(page, words: str) -> None:
    expect(page.locator("[data-line]")).to_contain_text(words)


def total_is(page, total: int) -> None:
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")


def test_the_home_page_shows_that_the_server_is_away_and_is_right_when_the_server_is_back(page, site):
    visit(page)
    line_says(page, "Live")
    before = site.stats().total
    asked = sent_by(page, "/api/stats")
    with away(site):
        line_says(page, "Offline")
        wait_for(page, lambda: len(asked) >= 2, "it goes on asking")
        total_is(page, before)
    missed = site.register("somebody").stats.total
    line_says(page, "Live")
    total_is(page, missed)


def test_a_status_of_500_is_a_warning_on_the_console_and_the_number_comes_from_get(page, device, site):
    lines, totals = set(), set()

    def keep(route) -> None:
        """Note what the page may write. Pages of earlier tests may still be leaving, so `activeUsers` may change."""
        response = route.fetch()
        got = response.json()
        total, today, active = got["totalVisits"], got["todayVisits"], got["activeUsers"]
        lines.add(f"📊 Backend sync - Total: {total}, Today: {today}, Active: {active} [from GET fallback]")
        totals.add((total, today))
        route.fulfill(response=response)

    page.route(REGISTER, lambda route: route.fulfill(status=500, json={"error": "no", "code": "no"}))
    page.route("**/api/stats", keep)
    stats = site.register("lima").stats
    visit(page)
    wait_for(page, lambda: any(line in device.console for line in lines), "the number comes from GET")
    assert {(stats.total, stats.today)} == totals
    assert "⚠️ Failed to register visit with backend, status: 500" in device.console
    assert REGISTERED not in device.console
    total_is(page, stats.total)


def test_a_visit_without_a_response_is_sent_again_under_the_same_id(page, device, site):
    def lose(route) -> None:
        route.fetch()
        route.abort()

    before, sent = site.stats().total, sent_by(page, "register")
    page.route(REGISTER, lose, times=1)
    visit(page)
    wait_for(page, lambda: any(line.startswith("❌ Error registering visit:") for line in device.console), "an error")
    line_says(page, "Live")
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert len({body["visitId"] for body in sent}) == 1
    assert site.stats().total == before + 1


def test_the_page_of_a_refused_visit_shows_its_number_once_the_visit_is_saved(page, site):
    before = site.stats().total
    with site.database.locked():
        visit(page)
        expect(own(page)).to_have_text("Your visit is not saved yet. This page keeps trying.")
        total_is(page, before)
    page.evaluate(BACK_ONLINE)  # otherwise it would wait some seconds longer
    expect(own(page)).to_contain_text(f"You are visit no. {before + 1:,}, ")
    total_is(page, before + 1)
