"""Pushes to the pages of two workers: the site's stats on every open panel, and each milestone once."""

import re
import time
from contextlib import ExitStack
from itertools import cycle
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import requests
from psutil import Process
from sqlalchemy.engine import make_url
from support.application.site import site_fixture
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import Member, PanelSocket, PlainMember, promote
from support.clients.websocket import WebSocket, say
from support.clients.worker_connections import WEBSOCKET, WorkerConnection, only, two_workers
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.zone import ZONE
from support.servers.server import Server

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE
from koyjabo.counting.high_water import HighWater
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones, of_setting
from koyjabo.counting.records import CounterSnapshot, NewVisit
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.realtime.services import RealtimeServices
from koyjabo.realtime.site_room import MilestoneNews, SiteRoom

site = site_fixture("2025-12-16T10:30:30+06:00")


def test_a_panel_update_has_the_stats_without_locations(site):
    room = site.services[RealtimeServices].panel
    site.register("a", page="/fares")
    first = room.first_event().as_object()
    assert (first["type"], first["whole"]) == ("panel_update", True)
    site.register("a")
    site.register("b")
    (event,) = room.events_after(first["revision"])
    stats = event.as_object()["stats"]
    assert stats.pop("epoch")
    assert stats == {"totalVisits": 3, "todayVisits": 3, "activeUsers": 2, "uniqueVisitors": 2}
    assert event.revision > first["revision"]
    assert not event.is_whole
    assert room.events_after(event.revision) == []


INVALID, FORBIDDEN = 4002, 4003
MILESTONES = "2,100,150,400,3000"


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url, MILESTONES=MILESTONES))


@pytest.fixture(scope="module")
def admin(server) -> Member:
    member = Member(server)
    promote(server, member)
    return member


def open_on_each(stack: ExitStack, server: Server, member: Member) -> list[PanelSocket]:
    panels = []
    for worker in server.workers():
        with only(server, worker):
            panels.append(stack.enter_context(PanelSocket(server.port, member.token)))
            wait_until(lambda: panels[-1].events, "it is let in")
    return panels


def total(panel: PanelSocket) -> int:
    return panel.events[-1]["stats"]["totalVisits"]


def wait_for(panel: PanelSocket, ordinal: int) -> None:
    wait_until(lambda: total(panel) >= ordinal, f"visit {ordinal} is shown")


TIME = re.compile(r'<td class="evidence">\d+ s')  # the time of a visit in the list


def visits_of(member: Member, server: Server, worker: Process) -> str:
    """The list of visits in the panel, as this worker shows it. The others run in between, because it asks them."""
    cookie = {"Cookie": f"access_token_cookie={member.token}"}
    with only(server, worker):
        return requests.get(member._url("/admin/visits"), headers=cookie, timeout=PATIENCE_S, proxies={}).text


def test_the_list_of_visits_shows_the_attended_time_measured_by_other_workers(server, admin):
    server.register("bina", "attended")
    workers = server.workers()
    with only(server, workers[0]):
        page = WebSocket(server.port)
        page.event()
        page.send(say(type="visitor", visitorId="bina", visitId="attended"))
        page.send(say(type="visible", visible=True, acted=False))
        assert page.is_answered()
    for worker in workers:
        wait_until(lambda worker=worker: TIME.search(visits_of(admin, server, worker)), "it is attended")
    page.end()


def test_the_first_visit_from_another_host_starts_the_panels_of_both_workers_over_once(server, admin):
    visit = {"json": {"visitorId": "bina"}, "headers": {"Origin": "https://shop.example"}}
    with ExitStack() as stack:
        panels = open_on_each(stack, server, admin)
        assert server.post("/api/visitor/register", **visit).ok
        for panel in panels:
            wait_until(lambda panel=panel: wholes(panel) == 1, "it has started over")
        ordinal = server.post("/api/visitor/register", **visit).json()["visit"]["ordinal"]
        for panel in panels:
            wait_for(panel, ordinal)
            assert wholes(panel) == 1


def wholes(panel: PanelSocket) -> int:
    """How often a panel has started over since it was opened."""
    return sum(event["whole"] for event in panel.events[1:])


def test_panels_close_on_every_worker_when_a_user_loses_the_role_or_the_session(server, admin):
    viewer, logged_out = Member(server), Member(server)
    for client in (viewer, logged_out):
        admin.send_form(f"/people/{client.id}/viewer")
    for member, code in ((viewer, FORBIDDEN), (logged_out, INVALID)):
        with ExitStack() as stack:
            panels, others = open_on_each(stack, server, member), open_on_each(stack, server, admin)
            if code == FORBIDDEN:
                admin.send_form(f"/people/{member.id}/demote")
            else:
                member.call("POST", "/api/auth/logout")
            assert [panel.wait_for_code() for panel in panels] == [code, code]
            with WorkerConnection(server) as connection:
                registered = connection.register("karim")
            for other in others:
                wait_for(other, registered.ordinal)  # other panels are not affected
            assert all(total(panel) < registered.ordinal for panel in panels)


PAGES, VISITS = 3, 200


def milestones_of(page) -> list[tuple[int, int]]:
    """(milestone, total) of each event with a milestone."""
    events = [received.event for received in page.of_type("visitor_update")]
    return [(event["milestone"], event["stats"]["totalVisits"]) for event in events if "milestone" in event]


def test_a_milestone_reaches_every_open_page_once(server):
    """They receive it even if its push was lost because the worker was killed after the commit."""
    total = server.stats().total + VISITS
    with ExitStack() as stack:
        pages = []
        for worker in server.workers():
            with only(server, worker):
                pages += [stack.enter_context(PlainListener(server.port)) for _ in range(PAGES)]
                pages.append(stack.enter_context(SocketioListener(server.port, transports=WEBSOCKET)))
                for page in pages:
                    page.first()
        with Crowd([server], VISITS, clients=8, retries=0, seed=51) as crowd:
            plain_pages = cycle(page for page in pages if isinstance(page, PlainListener))
            for number in range(0, VISITS, 4):
                crowd.wait_for(number)
                next(plain_pages).say({"type": "request_count"})  # a response is a push as well
        late = stack.enter_context(PlainListener(server.port))
        for page in (*pages, late):
            page.wait_for_total(total)
        for page in pages:
            milestones, totals = zip(*milestones_of(page), strict=True)
            assert set(milestones) <= {2, 100, 150}
            assert sorted(set(milestones)) == list(milestones)
            first_over_150 = min(stats.total for stats in page.updates if stats.total >= 150)
            assert (milestones[-1], totals[-1]) == (150, first_over_150)
        assert milestones_of(late) == []
        commit_as_a_killed_worker(server, 400 - total)
        for page in (*pages, late):
            page.wait_for_total(400)
            assert milestones_of(page)[-1] == (400, 400)
        assert len(milestones_of(late)) == 1


def commit_as_a_killed_worker(server, visits: int) -> None:
    killed = open_store(
        make_url(server.database.url), Clock(ZONE), milestones=Milestones(lambda: of_setting(MILESTONES))
    )
    names = [f"killed {number}" for number in range(visits)]
    with killed.writing():
        killed.commit([(NewVisit("ayesha", name, at_ms=round(time.time() * 1000)), name) for name in names])
    killed.close()


def test_members_receive_the_milestone_of_their_community_once(server):
    founder = Member(server)
    community = founder.found()
    with ExitStack() as stack:
        pages = []
        for worker in server.workers():
            with only(server, worker):
                pages.append(stack.enter_context(PlainMember(server.port, community, founder.token)))
                pages[-1].wait_for_count(1)
        for ordinal in (1, 2, 3):
            founder.visit("visitor", community)
            for page in pages:
                page.wait_for(lambda stats, ordinal=ordinal: stats.total == ordinal, "the visit")
        assert [milestones_of(page) for page in pages] == [[(2, 2)], [(2, 2)]]
        assert [page.next_of_type("visitor_update").keys() for page in pages] == [{"type", "community_id", "stats"}] * 2


CLOCK = Clock(ZoneInfo("UTC"))


def snapshot(total: int) -> CounterSnapshot:
    return CounterSnapshot(SITE, 1, CLOCK.now_ms() + total, total, total, 1, CLOCK.today(), total)


def test_a_new_connection_does_not_use_up_the_announcement_of_a_milestone():
    site = LiveStats(snapshot(99), MemoryActiveVisitors(CLOCK, 300), CLOCK, HighWater())

    def find(_scope, _epoch, passed):
        if passed == [100]:
            site.update(snapshot(157))  # during the read
        return passed[-1]

    news = MilestoneNews(site, Milestones(lambda: [100, 150]), find)
    room = SiteRoom(SimpleNamespace(site=site, newest=site.stats), news, 0.05)
    site.update(snapshot(100))

    (first,) = room.events_after(0)
    answer = room.first_event()
    (second,) = room.events_after(first.revision)

    assert [(update.stats.total, update.milestone) for update in (first, answer, second)] == [
        (100, 100),
        (100, None),
        (157, 150),
    ]
    assert room.first_event().stats.total == 157
