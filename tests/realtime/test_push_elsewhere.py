"""Push in one process: on any WSGI server, to the test client, and triggered by the clock."""

import pytest
from support.application.site import UPGRADE, Site, assert_error
from support.programs.processes import wait_until

from koyjabo.base.core.extensions import socketio
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000, ACTIVE_WINDOW_SECONDS=300) as site:
        yield site
        site.services.close()


class Member:
    """A plain WebSocket, reduced to what the room uses."""

    is_open, kind = True, ""

    def __init__(self, site):
        self.frames = []
        site.services[RealtimeServices].rooms.get(STATS_ROOM).admit(self)

    def write_event(self, event):
        self.frames.append(event.plain)

    def wait_for(self, count):
        wait_until(lambda: len(self.frames) >= count, f"{count} events")
        return self.frames[count - 1].replace(b": ", b":").replace(b", ", b",")


def test_midnight_and_the_end_of_the_active_window_push_an_event(site):
    site.time.go_to("2025-12-16T23:58:00+06:00")
    site.register()
    member = Member(site)
    site.services.start()
    assert b'"todayVisits":1,"activeUsers":1' in member.wait_for(1)
    site.time.pass_(seconds=119, milliseconds=999)
    shown = site.stats()
    site.heartbeat()
    assert site.stats()["revision"] == shown["revision"]
    site.time.pass_(milliseconds=1)
    assert b'"totalVisits":4001,"todayVisits":0,"activeUsers":1' in member.wait_for(2)
    site.time.pass_(seconds=300)
    assert b'"totalVisits":4001,"todayVisits":0,"activeUsers":0' in member.wait_for(3)


def test_the_test_client_of_flask_receives_the_first_event_and_every_change(site):
    page = socketio.test_client(site.app)
    assert page.is_connected()
    first = page.get_received()
    assert [event["name"] for event in first] == ["visitor_update"]
    assert first[0]["args"] == [{"type": "visitor_update", "stats": site.stats(), "last": None}]
    stats = site.register().stats
    received = []
    wait_until(lambda: received.extend(page.get_received()) or received, "the change")
    assert [event["args"][0]["stats"] for event in received] == [stats]
    page.disconnect()
    assert not page.is_connected()


def test_a_plain_websocket_under_another_wsgi_server_gets_501(site):
    assert_error(site.client.get("/", headers=UPGRADE), 501, "websockets_unavailable")
    assert site.client.get("/").status_code == 200, "the page at the same path is served"
