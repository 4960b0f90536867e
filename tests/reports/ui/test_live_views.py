"""When a worker sends to the pages of a view, how many views it serves, and the versions of parts: a version changes
whenever the HTML of its part changes outside of the cells that pages fill with pushed numbers.
"""

import json
import re
import threading
from html.parser import HTMLParser

import pytest
from flask import request
from support.application.site import Site, Time
from support.people.admins import panel
from support.people.communities import Cast
from support.people.share_links import PASSWORD, boss, share
from support.programs.processes import wait_until
from support.sites.full_site import register

from koyjabo.base.core.errors import TooBusy
from koyjabo.base.models import SITE, Scope
from koyjabo.realtime.encoded_event import EncodedEvent
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.share_links.pages.stream import ShareStream
from koyjabo.reports.share_links.passes import PASS_S
from koyjabo.reports.ui import live_views
from koyjabo.reports.ui.live_views import LiveView, LiveViews
from koyjabo.sockets import stream as stream_module

FORBIDDEN = 4003


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, Time.at("2025-12-16T23:59:50+06:00")) as site:
        yield site


def view(site: Site, query: str, scope: Scope = SITE, user_id: str = ""):
    name, opening = site.services[LiveViews].view(scope, user_id, {"query": query})
    return site.services[RealtimeServices].rooms.open(name, opening()).source


def test_a_pushed_part_has_the_same_version_as_on_the_page(site):
    site.register("nusrat", page="/fares")
    (event,) = view(site, "range=7d&compare=previous").events_after(0)
    page = panel(site).get("/admin/?range=7d&compare=previous")
    versions = dict(re.findall(r'data-part="(\w+)"[^>]*data-version="(\w+)"', page))
    assert versions.items() >= event.versions.items()


def test_a_view_of_past_days_ignores_a_new_visit(site):
    site.register("nusrat")
    site.time.pass_(days=1)
    yesterday, today = view(site, "range=yesterday&compare=none"), view(site, "range=today&compare=none")
    (first,) = yesterday.events_after(0)
    assert first.cells["figures.visits"] == [1]
    for number in range(2):
        site.register("karim")
        assert yesterday.events_after(0) == []
        assert today.events_after(0)[0].cells["figures.visits"] == [1 + number]
    site.time.pass_(days=1)
    (next_day,) = yesterday.events_after(0)
    assert next_day.cells["figures.visits"] == [2]


def test_a_view_whose_address_names_no_range_keeps_its_range_at_midnight(site):
    """Its name, which other pages' sockets ask for, contains the range that pages began with."""
    site.register("nusrat")
    young = view(site, "compare=none")
    (first,) = young.events_after(0)
    site.time.pass_(days=2)
    (later,) = young.events_after(0)
    assert (first.cells["figures.visits"], later.cells.get("figures.visits")) == ([1], [0])


def test_a_view_sends_the_newest_visit_number_even_if_its_filters_exclude_that_visit(site):
    filtered = view(site, "range=today&page=/fares")
    filtered.events_after(0)
    ordinal = site.register("nusrat", page="/stops").ordinal
    (event,) = filtered.events_after(0)
    assert (event.moment, event.cells, event.versions) == (ordinal, {}, {})


def test_a_view_without_open_pages_is_not_read(site):
    """Otherwise a page that moves from view to view could leave any number of reads running."""
    left = view(site, "range=today")
    site.register("nusrat")
    newer = view(site, "range=today")
    assert left.events_after(0) == []
    assert newer.events_after(0)


def test_the_number_of_views_of_a_community_and_of_a_user_is_limited(site, monkeypatch):
    monkeypatch.setattr(live_views, "MAX_VIEWS", 2)
    cast = Cast(site)
    mirpur, uttara = (Scope(cast.community()) for _ in range(2))
    for number, (scope, user) in enumerate([(mirpur, "babul"), (mirpur, "ayesha"), (uttara, "ayesha")]):
        assert view(site, f"page=/{number}", scope, user)
    for scope, user in (mirpur, "chandni"), (uttara, "ayesha"):
        with pytest.raises(TooBusy):
            view(site, "page=/3", scope, user)
    assert view(site, "page=/3", uttara, "chandni")
    for number in range(3):
        assert view(site, f"page=/{number}", SITE, "admin")


class Reader:
    """A socket as the server sees it."""

    address, born, kind = "127.0.0.1", 0.0, ""
    code: int | None = None

    def write_event(self, event: EncodedEvent) -> None:
        pass

    def close(self, code: int | None, reason: str = "") -> None:
        self.code = code

    def run_in_order(self, call) -> None:
        call()


def test_the_socket_of_a_share_link_closes_when_the_pass_of_its_reader_expires(site):
    token, stream = share(boss(Cast(site)), password=PASSWORD)["token"], ShareStream(site.services)
    early, late = Reader(), Reader()
    for reader in (early, late):
        client = site.app.test_client()
        client.post(f"/share/{token}", data={"password": PASSWORD}, headers={"Accept": "text/html"})
        with client:
            client.get(f"/share/{token}")
            stream.admit(reader, request)
        site.time.pass_(seconds=PASS_S // 2)
    stream.show_view(late, {"query": ""})
    site.time.pass_(seconds=1)
    site.register("nusrat")
    site.services[RealtimeServices].rooms.refresh_panel()
    wait_until(lambda: early.code == FORBIDDEN, "the first is closed")
    assert late.code is None


def test_a_socket_that_changes_its_view_quickly_receives_the_newest_view(site, monkeypatch):
    """A change within 2 s of the last one waits. Nothing is refused, even at the limit for the link."""
    monkeypatch.setattr(live_views, "MAX_VIEWS", 1)
    monkeypatch.setattr(stream_module, "VIEW_INTERVAL_S", 60.0)  # longer than this test takes on a busy machine
    token, stream, reader, later = share(boss(Cast(site)))["token"], ShareStream(site.services), Reader(), []
    runtime, thread = site.services.lifetime.runtime, threading.get_ident()
    others = runtime.later

    def wait(delay_s: float, call) -> None:
        """Record what this thread waits for. Other threads wait as always."""
        if threading.get_ident() == thread:
            later.append((delay_s, call))
        else:
            others(delay_s, call)

    with site.app.test_client() as client:
        client.get(f"/share/{token}")
        stream.admit(reader, request)
    monkeypatch.setattr(runtime, "later", wait)

    def shown() -> list[str]:
        views = site.services[RealtimeServices].rooms.with_source(LiveView)
        return [value for _, view in views for name, value in view._pairs if name == "page"]

    for page in "abcd":
        stream.received(reader, json.dumps({"type": "view", "query": f"page=/{page}"}))
    assert shown() == ["/a"]
    ((delay_s, call),) = later
    assert 0 < delay_s <= 60
    call()
    assert shown() == ["/d"]
    stream.received(reader, json.dumps({"type": "view", "query": "page=/e"}))
    stream.ended(reader, 1000)
    later[1][1]()
    assert shown() == []


VOID = {"br", "hr", "img", "input", "link", "meta"}
PUSHED = ("data-as", "data-as-of")
"""Elements with contents that a page writes itself. It also moves the rows of a list."""

RELEVANT = ("id", "class", "href", "data-cell", "aria-current")


class Part(HTMLParser):
    """Everything in a part that no pushed number replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.rest: list[object] = []
        self.skipped = 0  # depth within an element that a page fills

    def handle_starttag(self, tag, attrs):
        if self.skipped:
            self.skipped += tag not in VOID
            return
        names = {name for name, _ in attrs}
        if tag == "tr" and "data-value" in names:
            self.skipped = 1
            return
        self.rest.append((tag, [pair for pair in attrs if pair[0] in RELEVANT]))
        self.skipped = int(not names.isdisjoint(PUSHED))

    def handle_startendtag(self, tag, attrs):
        if not self.skipped:
            self.rest.append(tag)

    def handle_endtag(self, tag):
        self.skipped -= bool(self.skipped and tag not in VOID)

    def handle_data(self, data):
        if not self.skipped and data.strip():
            self.rest.append(data.split())


def parts(admin, query: str) -> dict[str, tuple[str, list[object]]]:
    html = admin.get(f"/admin/?{query}")
    by_name = {}
    for section in re.findall(r"<section[^>]* data-part=.*?</section>", html, re.DOTALL):
        name = re.search(r'data-part="(\w+)"', section)[1]
        version = re.search(r'data-version="(\w+)"', section)
        if version:
            part = Part()
            part.feed(section)
            by_name[name] = version[1], part.rest
    return by_name


def test_two_parts_with_the_same_version_differ_only_in_the_cells_that_updates_fill(site):
    admin, known = panel(site), {}
    site.register("first", page="/")
    for number in range(10):
        if number < 6:
            site.register(f"v{number}", page=f"/{number}")
        else:
            register(site, number, "site")
        for query in ("range=today", "range=today&page=/7", "range=today&compare=none&tabs=map,system"):
            for name, (version, rest) in parts(admin, query).items():
                assert known.setdefault((query, name, version), rest) == rest, name


def test_only_a_list_that_leaves_values_out_links_to_all_of_them(site):
    for number in range(9):
        site.register(f"v{number}", page=f"/{number}")
    page = panel(site, "nila").get("/admin/?range=today")
    assert re.findall(r'data-key="all (\w+)"', page) == ["pages"]
