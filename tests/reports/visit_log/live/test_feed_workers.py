"""The panel with two workers: each visit appears on every open panel, once and in order, until the user loses
access.
"""

from contextlib import ExitStack

import pytest
from support.clients.members import Member, PanelSocket, promote
from support.clients.websocket import WebSocket, say
from support.clients.worker_connections import WorkerConnection, only, two_workers, worker_connections
from support.programs.processes import wait_until
from support.servers.server import Server

INVALID, FORBIDDEN = 4002, 4003
ROUNDS = 5


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


def ordinals(panel: PanelSocket) -> list[int]:
    """Ordinals of visits since the panel was opened."""
    return [visit["ordinal"] for event in panel.events[1:] for visit in reversed(event["visits"])]


def wait_for(panel: PanelSocket, ordinal: int) -> None:
    wait_until(lambda: ordinal in ordinals(panel), f"visit {ordinal} is shown")


def test_every_ordinal_comes_once_and_in_order_at_both_workers(server, admin):
    """`make bench NAME=push` measures the delay."""
    with ExitStack() as stack:
        panels, both = open_on_each(stack, server, admin), stack.enter_context(worker_connections(server))
        before, counted = server.stats().total, sum(latest_minutes(panels[0]).values())
        for _ in range(ROUNDS):  # an event has at most 50 rows
            registered = [
                connection.register(f"visitor-{number}").ordinal for number in range(20) for connection in both
            ]
            for panel in panels:
                wait_for(panel, registered[-1])
        for panel in panels:
            assert ordinals(panel) == list(range(before + 1, before + 40 * ROUNDS + 1))
            assert sum(latest_minutes(panel).values()) == counted + 40 * ROUNDS
            revisions = [event["revision"] for event in panel.events]
            assert revisions == sorted(set(revisions))


def latest_minutes(panel: PanelSocket) -> dict[str, int]:
    """The latest value for each minute, as a page keeps them."""
    minutes: dict[str, int] = {}
    for event in panel.events:
        minutes |= event.get("minutes", {})
    return minutes


def latest_time(panel: PanelSocket, visit: int) -> list:
    """The attended time of a visit, as a page keeps it: [ms, since when its page is visible, evidence]."""
    return [event["attended"][str(visit)] for event in panel.events if str(visit) in event.get("attended", {})][-1]


def test_page_that_is_open_at_one_worker_is_attended_on_all_panels(server, admin):
    visit = server.register("bina", "attended").ordinal  # nothing was imported, so it is the id as well
    with ExitStack() as stack:
        panels = open_on_each(stack, server, admin)
        with only(server, server.workers()[0]):
            page = WebSocket(server.port)
            page.event()
            page.send(say(type="visitor", visitorId="bina", visitId="attended"))
            assert page.is_answered()
        for panel in panels:
            wait_until(lambda panel=panel: latest_time(panel, visit)[1], "it shows since when")
        assert latest_time(panels[0], visit) == latest_time(panels[1], visit)
        page.send(say(type="visible", visible=False, acted=True))
        for panel in panels:
            wait_until(lambda panel=panel: latest_time(panel, visit)[1:] == [None, "acted"], "it shows its end")
        wait_until(lambda: latest_time(panels[0], visit) == latest_time(panels[1], visit), "both show the same")
        page.end()


def test_first_visit_from_another_host_starts_the_panels_of_both_over_once(server, admin):
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


def test_row_that_redis_loses_comes_with_the_next_read(server, admin, redis):
    with ExitStack() as stack:
        panels, both = open_on_each(stack, server, admin), stack.enter_context(worker_connections(server))
        with redis.client() as client:
            subscribers = client.client_list(_type="pubsub")
            for subscriber in subscribers:
                client.client_kill_filter(_id=subscriber["id"])
            registered = [connection.register("ayesha").ordinal for connection in both]
            for panel in panels:
                wait_for(panel, registered[-1])
                assert ordinals(panel) == registered
            # The next test may send a message that nothing repeats.
            wait_until(
                lambda: len(client.client_list(_type="pubsub")) == len(subscribers), "the workers subscribe again"
            )


def test_panels_close_everywhere_when_a_user_loses_the_right_or_the_session(server, admin):
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
            assert all(registered.ordinal not in ordinals(panel) for panel in panels)
