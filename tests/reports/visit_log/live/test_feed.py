"""The panel's feed: every visit once, in order, on every open panel of two workers, without data for tracking."""

import json
from contextlib import ExitStack

import pytest
from support.application.site import Time, site_fixture
from support.clients.members import Member, PanelSocket, promote
from support.clients.websocket import WebSocket, say
from support.clients.worker_connections import WorkerConnection, only, two_workers, worker_connections
from support.people.accounts import bearer, sign_up
from support.people.communities import found
from support.programs.processes import wait_until
from support.servers.server import Server

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.visit_log.services import VisitLogServices

CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
SECRET = "visitor_1702757318000_a1b2c3d4e"
WINDOW_S = 300


site = site_fixture("2025-12-16T10:30:30+06:00", ACTIVE_WINDOW_SECONDS=WINDOW_S)


@pytest.fixture
def time(site) -> Time:
    return site.time


@pytest.fixture
def feed(site):
    return site.services[VisitLogServices].live_panel.current()


def first(feed) -> dict:
    return feed.first_event().as_object()


def events(feed) -> list[dict]:
    return [event.as_object() for event in feed.events_after(0)]


def minute(time: Time) -> str:
    return str(time.ms // 60_000)


@pytest.mark.both_kinds
def test_first_event_is_the_present_state(site, time):
    site.register("a", page="/fares", userAgent=CHROME)
    time.pass_(minutes=2)
    site.register("b", page="/fares")
    site.register("c", page="/map", userAgent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    event = first(site.services[VisitLogServices].live_panel.current())
    assert (event["type"], event["whole"]) == ("panel_update", True)
    assert [visit["ordinal"] for visit in event["visits"]] == [3, 2, 1]
    newest, *_, oldest = event["visits"]
    assert newest["bot"] is True
    assert "bot" not in oldest
    assert (oldest["page"], oldest["browser"], oldest["system"]) == ("/fares", "Chrome", "Android")
    assert oldest["at"] == time.ms - 120_000
    assert event["minutes"] == {str(time.ms // 60_000 - 2): 1, minute(time): 2}
    assert event["pages"] == {"/fares": 2, "/map": 1}
    assert event["places"] == {"Unknown": 3}
    assert event["stats"].items() >= {"totalVisits": 3, "todayVisits": 3, "activeUsers": 3, "uniqueVisitors": 3}.items()


@pytest.mark.both_kinds
def test_event_has_new_visits_and_the_full_value_of_changed_numbers(site, feed, time):
    assert events(feed) == []
    site.register("a", page="/fares")
    (event,) = events(feed)
    assert event["whole"] is False
    assert [visit["ordinal"] for visit in event["visits"]] == [1]
    site.register("a", page="/fares")
    site.register("b", page="/fares")
    (event,) = events(feed)
    assert [visit["ordinal"] for visit in event["visits"]] == [3, 2]
    assert event["minutes"] == {minute(time): 3}
    assert event["pages"] == {"/fares": 2}
    assert event["stats"] == {"totalVisits": 3, "todayVisits": 3, "activeUsers": 2, "uniqueVisitors": 2}
    assert events(feed) == []
    time.pass_(minutes=60)
    site.register("c")
    (event,) = events(feed)
    assert event["minutes"] == {minute(time): 1, str(time.ms // 60_000 - 60): None}  # they expire after an hour


def test_visit_names_no_visitor_and_is_less_than_a_kilobyte(site, feed):
    ayesha = sign_up(site, "ayesha")
    community, page = found(ayesha, name="মিরপুর " * 12)["id"], "/" + "মিরপুর" * 80
    site.rows("UPDATE users SET name = :name", name="🚌" * 200)
    body = {"visitorId": SECRET, "communityId": community, "page": page, "userAgent": CHROME}
    site.post(json=body, headers=bearer(ayesha.access))
    (event,) = events(feed)
    (visit,) = event["visits"]
    assert len(json.dumps(visit)) < 1024
    assert (visit["user"]["id"], visit["community"]["id"]) == (ayesha.id, community)
    assert visit["page"].endswith("…")
    assert page.startswith(visit["page"][:-1])
    for text in (json.dumps(event), json.dumps(first(feed))):
        assert not any(secret in text for secret in (SECRET, "@", "Mozilla"))


def test_visitor_counts_once_at_the_page_opened_last_for_the_active_window(site, feed, time):
    site.register("a", page="/fares")
    time.pass_(seconds=60)
    site.register("a", page="/map")
    site.register("b", page="/map")
    assert events(feed)[-1]["pages"] == {"/map": 2}
    time.pass_(seconds=WINDOW_S - 30)
    site.register("c", page="/fares")
    assert events(feed)[-1]["pages"] == {"/fares": 1}
    time.pass_(seconds=60)
    assert events(feed)[-1]["pages"] == {"/map": None}


def test_communities_are_named_where_people_came_and_left(site, feed):
    community = found(sign_up(site, "ayesha"), name="Mirpur")["id"]
    arrivals = site.services[PresenceServices].arrivals
    for version, online in enumerate((1, 2, 1), 1):
        arrivals.record(Scope(community), Online(version, online))
    (event,) = events(feed)
    assert event["communities"] == {community: {"name": "Mirpur", "online": 1, "came": 2, "left": 1}}


def test_ledger_that_is_away_is_said_and_no_visit_is_missed(site, feed, monkeypatch):
    with monkeypatch.context() as patched:

        def fail(*_):
            raise LedgerUnavailable

        patched.setattr(site.services[VisitLogServices].log._database, "read", fail)
        site.register("a")
        (event,) = events(feed)
        assert event["visits"] == []
    (event,) = events(feed)
    assert [visit["ordinal"] for visit in event["visits"]] == [1]


def test_visits_of_erased_visitors_and_deleted_users_are_read_again(site, feed):
    """The visits remain, but their visitor is removed from the ledger and from open pages."""
    site.services[RealtimeServices].rooms.open("panel", feed)  # as while a panel page is open
    site.register("a", page="/first")
    site.register("b", page="/second")
    events(feed)
    site.forget("a")
    (event,) = events(feed)
    assert event["whole"] is True
    assert [visit["page"] for visit in event["visits"]] == ["/second", "/first"]
    assert event["pages"] == {"/second": 1}  # visitors who left are not on any page
    ayesha = sign_up(site, "ayesha")
    site.post(json={"visitorId": "c"}, headers=bearer(ayesha.access))
    (event,) = events(feed)
    assert event["visits"][0]["user"]["name"] == "Ayesha"
    site.rows("UPDATE visits SET user_id = '~'")
    site.services.signals.access_revoked.send(ayesha.id)
    (event,) = events(feed)
    assert event["whole"] is True
    assert "user" not in event["visits"][0]


@pytest.mark.both_kinds
def test_pages_of_communities_have_names(site):
    ayesha = sign_up(site, "ayesha")
    community = found(ayesha, name="Mirpur 10")["id"]
    body = {"visitorId": SECRET, "communityId": community, "page": f"/communities/{community}"}
    assert site.post(json=body, headers=bearer(ayesha.access)).status_code == 200
    event = first(site.services[VisitLogServices].live_panel.current())
    assert event["pages"] == {"/communities/Mirpur 10": 1}


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
