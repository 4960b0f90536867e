"""A stranger who sends as much as one address may takes nothing from the visitors of other addresses."""

import re
from contextlib import ExitStack
from itertools import count, islice

from support.clients.websocket import WebSocket, close, say
from support.faults.moved_clocks import Timed
from support.programs.processes import METRICS_TOKEN

from koyjabo.counting.evidence.attendance_writer import MAX_WAITING_SPANS
from koyjabo.counting.evidence.timeline import Shown
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

ROOM = 300
HONEST, STRANGERS = 20, 12
PING_INTERVAL, DAY_S = "koyjabo.server.websockets.connection_loop.PING_INTERVAL_S", 86_400
"""The server sends no ping, because a visitor who waits for the flood reads none, and would be dropped."""


class Visitor:
    """A visitor with an open page, at an address."""

    def __init__(self, timed: Timed, name: str, address: str) -> None:
        self.name = name
        self.forwarded = {"X-Forwarded-For": address}
        body = {"visitorId": name, "visitId": name}
        assert timed.server.post("/api/visitor/register", json=body, headers=self.forwarded).status_code == 200
        self.socket = WebSocket(timed.server.port, f"X-Forwarded-For: {address}")
        self.socket.event()
        self.send(say(type="visitor", **body))

    def send(self, *messages: bytes) -> None:
        self.socket.send(b"".join(messages))
        assert self.socket.is_answered()


def hide_and_show(timed: Timed, strangers: list[Visitor]) -> None:
    for _ in range(2 * ROOM // STRANGERS):
        timed.pass_(0.05)
        for stranger in strangers:
            stranger.send(say(type="visible", visible=False), say(type="visible", visible=True))


def test_a_flood_from_one_address_takes_no_attended_time_from_visitors_at_others(sqlite_database, tmp_path):
    changes = {"koyjabo.counting.evidence.attendance_writer.MAX_WAITING_SPANS": ROOM, PING_INTERVAL: DAY_S}
    with ExitStack() as stack:
        timed = Timed(sqlite_database, tmp_path, changes, TRUSTED_PROXIES="1")
        stack.callback(timed.server.kill)
        honest = [Visitor(timed, f"honest-{number}", f"198.51.100.{number}") for number in range(HONEST)]
        strangers = [Visitor(timed, f"stranger-{number}", "203.0.113.7") for number in range(STRANGERS)]
        timed.pass_(10)
        with timed.database.locked():  # so that everything waits
            for half in (honest[::2], honest[1::2]):
                hide_and_show(timed, strangers)
                for visitor in half:
                    visitor.send(say(type="visible", visible=False, acted=True))
            hide_and_show(timed, strangers)
        for visitor in honest:
            timed.wait_for(visitor.name, 10, acted=True)
            visitor.socket.send(close())
        metrics = timed.server.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
        assert int(re.search(r'koyjabo_dropped_total{kind="attended_time"} (\d+)', metrics)[1]) > 0


def test_a_campus_behind_one_address_loses_no_time_during_a_flood_from_another_address(worker):
    """2,000 people show and hide their pages, while another address fills all of the room that there is."""
    visitors = [f"visitor-{number}" for number in range(2000)]
    visits = worker.site.services[Visits]
    visits.register_all([NewVisit(visitor, "1", at_ms=worker.time.ms, attended_ms=0) for visitor in visitors])
    for visitor in visitors:
        worker.open(visitor, visitor, "1", address="198.51.100.1")
    flood = count(worker.time.ms)
    for visible in (False, True, False):
        worker.time.pass_(seconds=10)
        for at_ms in islice(flood, MAX_WAITING_SPANS // 2):
            worker.attendance.add(Shown(f"stranger-{at_ms % 500}", "1", at_ms, at_ms + 1), "203.0.113.7")
        for visitor in visitors:
            worker.pages.show(visitor, visible, acted=True)
    worker.attendance.close()
    attended = worker.site.rows("SELECT attended_ms, acted, count(*) FROM visits GROUP BY attended_ms, acted")
    assert [(ms, bool(acted), number) for ms, acted, number in attended] == [(20_000, True, 2000)]
