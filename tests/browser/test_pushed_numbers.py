"""Pages with pushed numbers, which request the HTML of lists for other views."""

import json
import re

import pytest
from pages import copied, expect, open_live, stat, wait_for
from support.application.site import Site
from support.clients.members import Member, promote


@pytest.fixture(scope="module")
def site(new_site):
    """A site with only this module's visits, so that its pages are in the lists. One visit precedes the first page."""
    site = new_site()
    site.register("first")
    return site


RECORD_GLOWS = """() => {
  const { animate } = Element.prototype;
  globalThis.glows = [];
  Element.prototype.animate = function (frames, duration) {
    const row = this.querySelector("th")?.innerText.trim();
    if (row) glows.push([this.closest("[data-part]").id, row, duration]);
    return animate.call(this, frames, duration);
  };
}"""


def expect_all_of_one_moment(page) -> None:
    """Wait until no request for HTML is left from before: the page has all parts, and none is older than the others."""
    expect(page.locator("[data-older], [data-pending]")).to_have_count(0)


def test_the_server_pushes_numbers_and_the_page_requests_lists_with_new_values(admin_tab, site):
    page, held = open_live(admin_tab, "/admin/?range=30d"), []
    line, listed = page.locator("#insights-moment"), page.locator("#insights-pages-list")
    site.register("somebody", page="/pushed")
    expect(listed).to_contain_text("/pushed")
    expect_all_of_one_moment(page)
    page.route(re.compile(r"/admin/\?"), lambda route: held.append(route))
    before = int(stat(page, "visits").inner_text())
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate(RECORD_GLOWS)
    receipt = site.register("somebody-else", page="/pushed")
    pattern = re.compile(rf"Exact up to visit no\. {receipt.ordinal:,} · \d\d:\d\d:\d\d · ")
    expect(line).to_contain_text(pattern)
    total, visits = stat(page, "totalVisits"), stat(page, "visits")
    expect(total).to_have_text(f"{receipt.ordinal:,}")
    expect(visits).to_have_text(f"{before + 1}")
    expect(page.locator("#insights-periods tbody tr:first-child [data-value]")).to_have_text(visits.inner_text())
    row = listed.locator("tbody tr", has_text="/pushed").locator("[data-as=count]")
    expect(row).to_have_text("2")
    assert held == []
    glows = [glow for glow in page.evaluate("glows") if glow[0] == "insights-pages"]
    assert glows == [["insights-pages", "/pushed", 600]]
    other = site.register("somebody-else", page="/asked-for")
    expect(line).to_contain_text(f"{other.ordinal:,}")
    wait_for(page, lambda: held, "the list is asked for")
    assert held[0].request.url.endswith("part=pages")
    older = page.locator("[data-older]")
    expect(older).to_have_attribute("id", "insights-pages")
    expect(older.locator(".as-of")).to_contain_text("As of")
    held[0].continue_()
    expect(listed).to_contain_text("/asked-for")
    expect(older).to_have_count(0)


def test_a_card_without_values_appears_with_its_first_value_without_a_reload(admin_tab, site):
    site.register("reader", referrer="https://news.example/")
    page = open_live(admin_tab, "/admin/?range=today")
    shown = [page.locator(f"#insights-{name}") for name in ("communities", "sources")]
    page.set_viewport_size({"width": 360, "height": 900})
    tab = page.locator(".deck > nav a", has_text="Communities")
    expect(shown[0]).to_be_hidden()
    expect(shown[1]).to_be_visible()
    expect(tab).to_be_hidden()
    site.register("rider", communityId=Member(site).found("Mirpur 10"))
    expect(shown[0]).to_contain_text("Mirpur 10")
    for appeared in (shown[0], tab):
        expect(appeared).to_be_visible()


def test_the_numbers_of_an_earlier_view_are_not_shown_in_the_next_view(admin_tab, site):
    page, held, pushed = admin_tab, [], []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: pushed.append(frame)))
    open_live(page, "/admin/?compare=none")
    for name in ("/held", "/held", "/later"):
        site.register("reader", page=name)
    expect(page.locator("#insights-pages-list")).to_contain_text("/later")
    wait_for(page, lambda: any("view_update" in frame for frame in pushed), "this view is pushed")
    page.evaluate("WebSocket.prototype.send = () => {}")  # the next view is not pushed
    page.route(re.compile("part=pages"), lambda route: held.append(route))
    site.register("reader", page="/never-seen")
    wait_for(page, lambda: held, "the list is asked for")
    page.get_by_role("link", name="/held", exact=True).click()
    expect(page).to_have_url(re.compile("page=%2Fheld"))
    of_held = page.locator("#insights-sources-list tbody tr:first-child td [data-as=count]")
    expect(of_held).to_have_text(stat(page, "visits").inner_text())
    with page.expect_response(re.compile("page=%2Fheld.*part=")):  # because the view has changed
        held[0].continue_()
    expect(page.locator("#insights-sources[data-older]")).to_have_count(0)
    expect(of_held).to_have_text(stat(page, "visits").inner_text())


class Line:
    """A page's socket. The test sends additional messages on it, as the server would."""

    def __init__(self, page) -> None:
        self.page, self.sockets = page, []
        page.route_web_socket(
            re.compile("/ws/"), lambda socket: self.sockets.append(socket) or socket.connect_to_server()
        )

    @property
    def moment(self) -> int:
        return int(self.page.locator("#insights-moment").get_attribute("data-moment"))

    def push(self, moment: int, **changed) -> None:
        key = self.page.locator("[data-view]").get_attribute("data-view")
        update = {"type": "view_update", "view": key, "moment": moment, "at": "12:00:00", **changed}
        self.sockets[-1].send(json.dumps(update))


RECORD_SHOWN = """
() => {
  AbortSignal.timeout = undefined;
  const { json } = Response.prototype;
  Response.prototype.json = async function () {
    const value = await json.call(this);
    setTimeout(() => (window.isRead = true));
    return value;
  };
  const [total, line] = ["[data-stat=totalVisits]", "[data-line]"].map((part) => document.querySelector(part));
  [window.totals, window.lines] = [[], []];
  new MutationObserver(() => window.totals.push(Number(total.dataset.value))).observe(total, { attributes: true });
  new MutationObserver(() => window.lines.push(line.dataset.line)).observe(line, { attributes: true });
}
"""
"""Removes the time limit of requests, and records when a response has been read, and what the page shows."""


@pytest.fixture
def line(admin_tab, site) -> Line:
    """The connection of the Overview page, once the page has all its numbers."""
    line = Line(admin_tab)
    open_live(admin_tab, "/admin/?range=30d")
    receipt = site.register("reader", page="/fares")
    expect(stat(admin_tab, "upto")).to_have_text(f"{receipt.ordinal:,}")
    expect_all_of_one_moment(admin_tab)
    return line


@pytest.fixture
def held(admin_tab, line):
    """Requests for parts, held by the test."""
    requests = []
    admin_tab.route(re.compile(r"/admin/\?.*part="), lambda route: requests.append(route))
    return requests


def test_a_part_that_changes_without_a_visit_is_requested_once(admin_tab, line, held):
    moment = line.moment
    line.push(moment, parts={"chart": "another"})
    wait_for(admin_tab, lambda: held, "the chart is asked for")
    line.push(moment, parts={"pages": "another"})
    with admin_tab.expect_response(re.compile("part=chart")):
        held.pop().continue_()
    wait_for(admin_tab, lambda: held, "the list is asked for")
    assert held[0].request.url.endswith("part=pages"), "the chart has come"


def test_late_html_does_not_replace_newer_pushed_numbers(admin_tab, line, held):
    page, moment = admin_tab, line.moment
    line.push(moment - 1)
    wait_for(page, lambda: held, "all is asked for: the database may have been restored")
    assert "part=figures%2Cchart%2Cpages" in held[0].request.url
    line.push(moment + 7, cells={"figures.visits": [987, None, None]})
    expect(stat(page, "visits")).to_have_text("987")
    with page.expect_response(re.compile("part=")):
        held[0].continue_()
    expect(page.locator("[data-older]")).to_have_count(0)
    expect(stat(page, "visits")).to_have_text("987")
    expect(stat(page, "upto")).to_have_text(f"{moment + 7:,}")


def test_a_late_response_with_the_stats_does_not_replace_a_newer_pushed_total(admin_tab, line, site):
    page, polls = admin_tab, []
    page.evaluate(RECORD_SHOWN)
    page.route("**/getting-started/page", lambda route: route.fulfill(status=204))  # reloads the page of a new site
    page.route("**/api/stats", lambda route: polls.append(route))
    old = site.get("/api/stats").text
    page.evaluate("() => dispatchEvent(new Event('offline'))")
    wait_for(page, lambda: polls, "the stats are requested, because the connection is lost")
    page.evaluate("() => dispatchEvent(new Event('online'))")
    site.register("reader")
    total = f"{site.stats().total:,}"
    expect(stat(page, "totalVisits")).to_have_text(total)
    polls[0].fulfill(body=old, content_type="application/json")
    wait_for(page, lambda: page.evaluate("() => window.isRead"), "the response is read")
    assert page.evaluate("() => window.lines").pop() == "live"
    stale = {"type": "panel_update", "whole": False, "stats": {**json.loads(old), "stale": True}}
    line.sockets[-1].send(json.dumps(stale))  # by another worker
    wait_for(page, lambda: "stale" in page.evaluate("() => window.lines"), "the page says so")
    totals = page.evaluate("() => window.totals")
    assert totals == sorted(totals)


def test_an_open_page_shows_a_total_that_an_admin_has_lowered(admin_tab, line, site):
    with Site(site.database.url) as command:
        command.set_total(1234, new_epoch=True)
    later = site.register("reader", page="/fares")
    expect(stat(admin_tab, "upto")).to_have_text(f"{later.ordinal:,}")
    expect(admin_tab.locator("[data-older]")).to_have_count(0)


def test_readers_of_a_share_link_copy_what_it_shows_now_in_their_language(new_device, site):
    admin, source = Member(site), {"referrer": "https://copied.example/"}
    promote(site, admin)
    site.register("first", **source)
    link = admin.call("POST", "/api/shares", {"name": "Copied", "filters": {"source": ["copied.example"]}})
    page = new_device(locale="bn-BD").open(f"/share/{link['token']}")
    expect(page.locator("#insights-pages")).to_be_hidden()
    site.register("second", page="/fares", **source)
    expect(page.locator("#insights-pages")).to_be_visible()
    expect(page.locator("#insights-sources tbody td").first).to_have_text("২")
    text = copied(page)
    assert text[-3:] == ["ভিজিট: ২", "প্রথম পাতা: /fares (১)", "উৎস: copied.example (২)"]
    assert not re.search(f"//|{link['token']}", " ".join(text))
    page.goto(f"{page.url}?page=!/fares")
    assert copied(page)[-2:] == ["ভিজিট: ১", "উৎস: copied.example (১)"], "no hidden card"


def test_an_open_page_reloads_when_its_share_link_is_revoked(new_device, site):
    admin = Member(site)
    promote(site, admin)
    link = admin.call("POST", "/api/shares", {"name": "Fares"})
    page = new_device().open(f"/share/{link['token']}")
    receipt = site.register("reader", page="/fares")
    expect(stat(page, "upto")).to_have_text(f"{receipt.ordinal:,}")
    admin.call("DELETE", f"/api/shares/{link['id']}")
    site.register("reader", page="/fares")
    expect(page.locator("[data-insights]")).to_have_count(0)
