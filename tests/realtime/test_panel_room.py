"""The panel's room: the site's stats on every open panel of two workers, for those who may see them."""

import re
from contextlib import ExitStack

import pytest
import requests
from psutil import Process
from support.application.site import site_fixture
from support.clients.members import Member, PanelSocket, promote
from support.clients.websocket import WebSocket, say
from support.clients.worker_connections import WorkerConnection, only, two_workers
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

from koyjabo.realtime.services import RealtimeServices

site = site_fixture("2025-12-16T10:30:30+06:00")


@pytest.mark.both_kinds
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


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture(scope="module")
def admin(server) -> Member:
    member = Member(server)
    promote(server, member)
    return member


def open_on_each(stack: ExitStack, server: Server, member: Member) -> list[PanelSocket]:
    """Open a panel on each worker, and wait for its first event."""
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


TIME = re.compile(r'<td class="evidence">\d+ s')
"""The time of a visit in the list."""


def visits_of(member: Member, server: Server, worker: Process) -> str:
    """The list of visits in the panel, as this worker shows it. The others run in between, because it asks them."""
    cookie = {"Cookie": f"access_token_cookie={member.token}"}
    with only(server, worker):
        return requests.get(member._url("/admin/visits"), headers=cookie, timeout=PATIENCE_S, proxies={}).text


def test_the_list_of_visits_shows_the_time_of_pages_that_are_open_at_another_worker(server, admin):
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
