"""Presence through open sockets of a real server, and the day's highest number of active visitors."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.application.site import Site, site_fixture
from support.clients.listener import BOTH_KINDS, PlainListener, SocketioListener
from support.clients.websocket import WebSocket
from support.faults.shared_numbers import SharedNumber
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, changed_server

from koyjabo.base.models import SITE
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.presence.visitors.active_visitors import ActiveCount, ActiveVisitors
from koyjabo.reports.engine.insights import Insights

WINDOW_S = 300  # it ends only when a test moves the clock
SILENT = "Mozilla/5.0 (Windows NT 10.0) a browser that does not say who it is"


@pytest.fixture(scope="module")
def elapsed(tmp_path_factory) -> SharedNumber:
    """How far ahead the server's clock is, in ms."""
    return SharedNumber(tmp_path_factory.mktemp("clock") / "elapsed")


@pytest.fixture(scope="module")
def module_server(elapsed, tmp_path_factory) -> Iterator[ChangedServer]:
    folder = tmp_path_factory.mktemp("server")
    with changed_server(folder, ACTIVE_WINDOW_SECONDS=WINDOW_S, ELAPSED=elapsed.path) as server:
        yield server


@pytest.fixture
def server(module_server, elapsed) -> ChangedServer:
    module_server.wait_until_held(0)
    windows_pass(elapsed, 1)
    wait_until(lambda: active(module_server) == 0, "the visitors of the previous test have gone")
    return module_server


def windows_pass(elapsed: SharedNumber, number: float) -> None:
    elapsed.set(elapsed.get() + round(number * WINDOW_S * 1000))


def active(server):
    stats = server.stats()
    assert sum(place["count"] for place in stats.locations.values()) == stats.active
    return stats.active


def register(server, visitor, agent="the tests, who have no page", **headers):
    headers = {"User-Agent": agent, **headers}
    answer = server.post("/api/visitor/register", json={"visitorId": visitor}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["stats"]


def test_a_visitor_is_active_while_a_page_is_open_and_for_a_window_afterwards(server, elapsed):
    """The socket names the visitor in its query, in `auth`, in a message, or not at all."""
    port = server.port
    with ExitStack() as pages:

        def opened(page):
            return pages.enter_context(page)

        for visitor in ("by_query", "by_socketio", "by_auth", "by_message"):
            register(server, visitor)
        for visitor in ("by_header", "anonymous"):
            register(server, visitor, DNT="1")
        opened(PlainListener(port, visitor="by_query"))
        opened(SocketioListener(port, visitor="by_socketio"))
        opened(SocketioListener(port, auth={"visitorId": "by_auth"}))
        opened(WebSocket(port, "Sec-GPC: 1", path="/?visitorId=by_header"))
        opened(WebSocket(port, path="/?visitorId=anonymous&anonymous=true"))
        opened(PlainListener(port)).say({"type": "visitor", "visitorId": "by_message"})
        opened(PlainListener(port, visitor="early")).first()
        register(server, "early")
        for kind in BOTH_KINDS:
            register(server, f"visit_first_{kind.kind}", kind.kind)
            opened(kind(port, agent=kind.kind)).first()
            opened(kind(port, agent=f"{kind.kind} again")).first()
            register(server, f"socket_first_{kind.kind}", f"{kind.kind} again")
        opened(PlainListener(port, visitor="never_registered")).first()
        opened(PlainListener(port, agent=SILENT)).first()
        wait_until(lambda: register(server, "without_a_page")["activeUsers"] == 12, "all of them are active")
        windows_pass(elapsed, 1)
        wait_until(lambda: active(server) == 11, "the one without a page has gone")
        windows_pass(elapsed, 0.5)
    server.wait_until_held(0)
    windows_pass(elapsed, 0.5)
    assert active(server) == 11
    windows_pass(elapsed, 0.5)
    wait_until(lambda: active(server) == 0, "all have gone")


def test_a_message_without_a_valid_visitor_is_an_error_and_the_socket_stays_open(server):
    for wrong in ("a b", "a" * 129, "কমলা", "undefined"):  # invalid ids in a URL are ignored
        with PlainListener(server.port, visitor=wrong) as page:
            page.first()
            page.say({"type": "visitor", "visitorId": "ayesha"})
            page.say({"type": "ping"})
            assert page.next_of_type("pong")
            assert page.of_type("error") == []
    with PlainListener(server.port) as page:
        for number, body in enumerate(({"visitorId": "a b"}, {"visitorId": "undefined"}, {"visitorId": 5}, {})):
            page.say({"type": "visitor", **body})
            assert "visitorId" in page.next_of_type("error", number)["error"]
        page.say({"type": "visitor", "visitorId": "ayesha"})
        page.say({"type": "visitor", "visitorId": "karim"})
        assert "already" in page.next_of_type("error", 4)["error"]
        page.say({"type": "ping"})
        assert page.next_of_type("pong")
    with PlainListener(server.port, visitor="ayesha") as page:
        page.say({"type": "visitor", "visitorId": "karim"})
        assert "already" in page.next_of_type("error")["error"]


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_the_first_event_includes_the_opened_page_and_other_pages_receive_the_change_once(server, elapsed, kind):
    register(server, "ayesha")
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        windows_pass(elapsed, 1)
        for page in (plain, other):
            page.wait_for(lambda stats: stats.active == 0, "none is active, which is pushed")
        received = [len(page.updates) for page in (plain, other)]
        with kind(server.port, visitor="ayesha") as opened:
            assert opened.first().active == 1
            for page in (plain, other):
                page.wait_for(lambda stats: stats == opened.first(), "what the other socket changed")
            total = register(server, "ayesha")["totalVisits"]
            opened.wait_for_total(total)
            assert len(opened.updates) == 2, "opening a socket caused a second event on it"
            for page, before in zip((plain, other), received, strict=True):
                page.wait_for_total(total)
                assert len(page.updates) == before + 2


DAYS = ReportQuery("2025-12-16", "2025-12-17")


site = site_fixture("2025-12-16T23:58:00+06:00", ACTIVE_WINDOW_SECONDS=300)


def stored(site: Site) -> list[tuple]:
    return site.rows("SELECT day, people FROM peaks WHERE scope = 'site' ORDER BY day")


def peak_active(site: Site) -> int | None:
    return site.services[Insights].summary(DAYS).figures.peak_active


def test_the_greatest_measurement_of_a_day_is_stored(site):
    peak, reports = site.services[ActivePeak], site.services[Insights]
    for visitors in (["ayesha"], ["babul", "karim"]):
        version = reports.version(DAYS)
        for visitor in visitors:
            site.services[ActiveVisitors].touch(SITE, visitor, "Dhaka, BD")
        assert reports.version(DAYS) != version, "it is measured when reports ask for it, too"
    site.time.pass_(seconds=299)  # the next day has begun, and all three are still active
    peak.measure()
    site.time.pass_(seconds=1)
    peak.measure()
    assert stored(site) == []
    assert peak_active(site) == 3, "also in the running minute"
    peak.write()
    assert stored(site) == [("2025-12-16", 3), ("2025-12-17", 3)]
    assert peak_active(site) == 3


class Measured:
    """Another worker's active visitors."""

    def __init__(self, version: int, people: int) -> None:
        self.count = lambda scope: ActiveCount(version, {"Dhaka, BD": people} if scope == SITE else {})


@pytest.mark.parametrize(("version", "people", "expected"), [(7, 5, 5), (7, 2, 3), (-1, 9, 3)])
def test_the_highest_peak_of_all_workers_is_stored_and_estimates_are_ignored(site, version, people, expected):
    base = site.services[ActivePeak]
    for measured in (Measured(1, 3), Measured(version, people)):
        worker = ActivePeak(base._database, base._clock, base._runtime, measured)
        worker.measure()
        worker.write()
    assert stored(site) == [("2025-12-16", expected)]
