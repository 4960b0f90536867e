"""Clients of HTTP: visitors who register visits, and may lose responses, retry or vanish, and a reader of reports."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from support.clients.members import Member

from chaos.journal import Journal, Seen, Visit
from chaos.sockets import RESET

PATIENCE_S = 25.0
"""The server promises a response within 10 s when a database hangs. It may itself be frozen for 5 s more."""

REGISTER, EVENTS, SUMMARY = "/api/visitor/register", "/api/events", "/api/reports/summary?range=all"
MAX_EVENTS = 4
PAUSE_S = (0.01, 0.08)
TRY_AGAIN_S = 0.1
PEOPLE = 200  # visitors that one client simulates
PATIENCE_TRIES = 600
READS_EVERY_S = 0.3
UNREACHABLE = (OSError, http.client.HTTPException)


class Response(NamedTuple):
    status: int
    body: Any


class HttpConnection:
    """A connection that opens on first use, reopens after a loss, and checks every response."""

    def __init__(self, port: int, journal: Journal) -> None:
        self._journal = journal
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Response | None:
        """Send a request. Returns None if there was no response."""
        return self.response() if self.send(method, path, body, token) else None

    def send(self, method: str, path: str, body: Any = None, token: str = "") -> bool:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        try:
            self._line.request(method, path, None if body is None else json.dumps(body), headers)
        except UNREACHABLE:
            return self._lose()
        return True

    def response(self) -> Response | None:
        try:
            received = self._line.getresponse()
            text = received.read()
        except UNREACHABLE as error:
            if isinstance(error, TimeoutError):
                self._journal.breach(f"no answer within {PATIENCE_S:.0f} s")
            self._lose()
            return None
        self._journal.note(f"answers {received.status}")
        if received.status >= 500 and not received.headers["Retry-After"]:
            self._journal.breach(f"{received.status} without Retry-After: {text[:200]!r}")
        return Response(received.status, json.loads(text) if text else None)

    def close(self, abruptly: bool = False) -> None:
        """Close the connection; abruptly, with RST."""
        if abruptly and self._line.sock is not None:
            self._line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._line.close()

    def _lose(self) -> bool:
        self._journal.note("requests without an answer")
        self.close()
        return False


class Client(threading.Thread):
    """A client in its own thread, until `stop`. Each `act` is one thing that it does."""

    pause_s = (READS_EVERY_S, READS_EVERY_S)

    def __init__(self, name: str, port: int, journal: Journal, chance: random.Random) -> None:
        super().__init__(daemon=True, name=name)
        self._lines = [HttpConnection(port, journal), HttpConnection(port, journal)]
        self._journal = journal
        self._chance = chance
        self._over, self._cut = threading.Event(), threading.Event()
        self.stop = self._over.set  # after the current act
        self.cut = self._cut.set  # break the connections before the next request

    def act(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        while not self._over.is_set():
            if self._cut.is_set():
                self._cut.clear()
                self._close(abruptly=True)
            self._journal.attempt(self.name, self.act)
            self._over.wait(self._chance.uniform(*self.pause_s))
        self._close()

    def _close(self, abruptly: bool = False) -> None:
        for line in self._lines:
            line.close(abruptly)


class Visitor(Client):
    """Registers visits and events. Each is repeated until it is acknowledged, except abandoned ones."""

    pause_s = PAUSE_S

    def __init__(
        self, number: int, port: int, journal: Journal, communities: Sequence[str], chance: random.Random
    ) -> None:
        super().__init__(f"visitor {number}", port, journal, chance)
        self._number = number
        self._communities = communities
        self._numbers = count(1)
        self._seen = Seen(journal, self.name)
        self._acknowledged: list[Visit] = []
        self.counted_at = 0.0  # when one of its visits was last acknowledged, on the monotonic clock, in s
        self._ways: dict[Callable[[], object], int] = {
            lambda: self._register(*self._new_visit()): 60,
            self._lose_the_response: 10,
            self._send_twice_at_once: 8,
            self._send_again: 8,
            self._vanish: 5,
            self._read_stats: 9,
            self._send_events: 12,
        }

    def act(self) -> None:
        (way,) = self._chance.choices(list(self._ways), list(self._ways.values()))
        way()

    def _lose_the_response(self) -> None:
        visit, body = self._new_visit()
        if self._send(self._lines[0], visit, body):
            self._lines[0].close(abruptly=True)
        self._register(visit, body)

    def _send_twice_at_once(self) -> None:
        visit, body = self._new_visit()
        sent = [line for line in self._lines if self._send(line, visit, body)]
        responses = [response for line in sent if (response := line.response())]
        # Check responses in the order they were sent; the order of reading is up to this client.
        taken = [self._take(visit, response) for response in sorted(responses, key=_total)]
        if not any(taken):
            self._register(visit, body)

    def _send_again(self) -> None:
        if self._acknowledged:
            visit = self._chance.choice(self._acknowledged)
            self._register(visit, _body(visit))

    def _vanish(self) -> None:
        self._send(self._lines[0], *self._new_visit())
        self._lines[0].close(abruptly=True)
        self._journal.note("visits that were abandoned")

    def _read_stats(self) -> None:
        least = self._journal.newest
        response = self._lines[1].ask("GET", "/api/stats")
        if response is None or not self._is_ok(response, "GET /api/stats"):
            return
        self._seen.see(response.body, pushed=False)
        if response.body.get("stale"):
            self._journal.note("stale answers")
        elif response.body["totalVisitors"] < least:
            self._journal.breach(f"GET /api/stats said {response.body['totalVisitors']} when {least} was acknowledged")

    def _send_events(self) -> None:
        who, first = self._new_name()
        sent = [(who, first), *((who, f"{first}-{number}") for number in range(self._chance.randrange(MAX_EVENTS)))]
        body = {"visitorId": who, "events": [{"id": name, "name": "search", "page": "/"} for _, name in sent]}
        self._journal.sending_events(sent)
        if self._persist(
            lambda: self._is_ok(self._chance.choice(self._lines).ask("POST", EVENTS, body), sent[0]), sent[0]
        ):
            self._journal.events_acknowledged(sent)

    def _new_name(self) -> Visit:
        return f"visitor-{self._number}-{self._chance.randrange(PEOPLE)}", f"{self._number}-{next(self._numbers)}"

    def _new_visit(self) -> tuple[Visit, dict[str, Any]]:
        visit = self._new_name()
        body = _body(visit)
        if self._chance.random() < 0.2:
            body["communityId"] = self._chance.choice(self._communities)
        return visit, body

    def _register(self, visit: Visit, body: dict[str, Any]) -> None:
        def is_taken() -> bool:
            line = self._chance.choice(self._lines)
            return self._send(line, visit, body) and self._take(visit, line.response())

        if self._persist(is_taken, visit):
            self._acknowledged.append(visit)

    def _persist(self, succeeds: Callable[[], bool], what: Visit) -> bool:
        """Retry until the visit is acknowledged, for at most a minute. No fault lasts that long."""
        for _ in range(PATIENCE_TRIES):
            if succeeds():
                return True
            time.sleep(TRY_AGAIN_S)
        self._journal.breach(f"{what} was not acknowledged after {PATIENCE_TRIES} tries")
        return False

    def _send(self, line: HttpConnection, visit: Visit, body: dict[str, Any]) -> bool:
        self._journal.sending(visit)
        return line.send("POST", REGISTER, body)

    def _is_ok(self, response: Response | None, what: object) -> bool:
        if response is not None and response.status not in (200, 503):
            self._journal.breach(f"{what} was answered {response}")
        return response is not None and response.status == 200

    def _take(self, visit: Visit, response: Response | None) -> bool:
        if response is None or not self._is_ok(response, visit):
            return False
        receipt, stats = response.body["visit"], response.body["stats"]
        self._journal.acknowledged(visit, receipt["ordinal"], receipt["duplicate"])
        self.counted_at = time.monotonic()
        self._seen.see(stats, pushed=False)
        if stats["totalVisitors"] < receipt["ordinal"]:
            self._journal.breach(f"ordinal {receipt['ordinal']} came with a total of {stats['totalVisitors']}")
        return True


class Reader(Client):
    """A viewer of the site whose reports must never contradict what was acknowledged earlier."""

    def __init__(self, member: Member, port: int, journal: Journal, chance: random.Random) -> None:
        super().__init__("reader", port, journal, chance)
        self.member = member

    def act(self) -> None:
        journal, least = self._journal, (self._journal.newest, len(self._journal.acknowledged_events))
        response = self._lines[0].ask("GET", SUMMARY, token=self.member.token)
        if response is None or response.status == 503:
            return
        if response.status == 401:  # the clock passed the token's expiry
            self._log_in()
            return
        if response.status != 200:
            journal.breach(f"a report was answered {response}")
            return
        journal.note("reports read")
        reported = response.body["visits"], response.body["events"]
        most = len(journal.visits), len(journal.events)
        if any(figure > limit for figure, limit in zip(reported, most, strict=True)):
            journal.breach(f"a report said {reported}, and {most} visits and events were sent")
        # If the clock was ahead, its visits are in the future, outside every range.
        is_complete = not (journal.lost_spans or journal.clock_steps)
        if is_complete and any(figure < limit for figure, limit in zip(reported, least, strict=True)):
            journal.breach(f"a report said {reported} when {least} visits and events were acknowledged")

    def _log_in(self) -> None:
        try:
            self.member.log_in()
        except (AssertionError, OSError):
            time.sleep(1)  # the server is down, or the clock has moved again


def _total(response: Response) -> int:
    return response.body["stats"]["totalVisitors"] if response.status == 200 else 0


def _body(visit: Visit) -> dict[str, Any]:
    return {"visitorId": visit[0], "visitId": visit[1], "page": "/"}
