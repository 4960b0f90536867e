"""When a worker sends to the pages of a view, and how many views it serves."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from flask import request
from support.application.site import Site, Time
from support.people.communities import Cast
from support.people.share_links import PASSWORD, boss, share
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.threads import in_thread

from koyjabo.core.errors import TooBusy
from koyjabo.models import SITE, Scope
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.pages.share_links import ShareStream
from koyjabo.reports.shares import PASS_S
from koyjabo.reports.ui.base import of_community
from koyjabo.reports.ui.live_views import MOST_OF_ONE, LiveViews

FORBIDDEN = 4003


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, Time.at("2025-12-16T23:59:50+06:00")) as site:
        yield site


def view(site: Site, query: str):
    _, opening = site.services[LiveViews].view(SITE, {"query": query})
    return opening()


def test_days_that_are_over_do_not_follow_visits(site):
    site.register("nusrat")
    site.time.pass_(days=1)
    yesterday, today = view(site, "range=yesterday"), view(site, "range=today")
    (first,) = yesterday.events_after(0)
    assert first.cells["figures.visits"] == [1]
    for number in range(2):
        site.register("karim")
        assert yesterday.events_after(0) == []
        assert today.events_after(0)[0].cells["figures.visits"] == [1 + number]
    site.time.pass_(days=1)
    (next_day,) = yesterday.events_after(0)
    assert next_day.cells["figures.visits"] == [2]


def test_figures_have_other_days_after_midnight(site):
    site.register("nusrat")
    today = view(site, "range=7d")
    (before,) = today.events_after(0)
    assert before.versions.keys() > {"figures"}
    site.time.pass_(seconds=20)
    (after,) = today.events_after(0)
    assert "figures" in after.versions


def test_number_of_the_newest_visit_moves_on_where_filters_leave_it_out(site):
    filtered = view(site, "range=today&page=/fares")
    filtered.events_after(0)
    ordinal = site.register("nusrat", page="/stops").ordinal
    (event,) = filtered.events_after(0)
    assert (event.moment, event.cells, event.versions) == (ordinal, {}, {})


def test_view_that_was_left_counts_until_its_answer_is_read(site):
    """Otherwise a page that moves from view to view could leave any number of reads running."""
    views, cast = site.services[LiveViews], Cast(site)
    mirpur, uttara = (of_community(Scope(cast.community())) for _ in range(2))
    begun, gate = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        begun.release()
        assert gate.wait(PATIENCE_S)

    def opened(base, number: int):
        return views.of_link(base, {"query": f"page=/{number}"}, wait)[1]()

    reads = [in_thread(partial(opened(mirpur, number).events_after, 0)) for number in range(MOST_OF_ONE)]
    for _ in reads:
        assert begun.acquire(timeout=PATIENCE_S)
    with pytest.raises(TooBusy):
        opened(mirpur, MOST_OF_ONE)
    assert opened(uttara, 0)
    gate.set()
    for read in reads:
        read.result()
    assert opened(mirpur, MOST_OF_ONE)


class Reader:
    """A socket as the server sees it."""

    is_stream = False
    code: int | None = None

    def write(self, data: bytes) -> None:
        pass

    def close(self, code: int | None, reason: str = "") -> None:
        self.code = code


def test_socket_of_a_share_link_ends_with_the_pass_of_its_reader(site):
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
