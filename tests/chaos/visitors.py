"""Clients that register visits. Some lose responses, send twice at once, retry, or vanish."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from chaos.http_connection import Answer, HttpConnection
from chaos.journal import Journal, Seen, Visit

REGISTER, EVENTS = "/api/visitor/register", "/api/events"
MOST_EVENTS = 4
PAUSE_S = (0.01, 0.08)
TRY_AGAIN_S = 0.1
PEOPLE = 200
"""Visitors that one client simulates."""

PATIENCE_TRIES = 600


class Visitor(threading.Thread):
    """One client in its own thread, until `stop`."""

    def __init__(
        self, which: int, port: int, journal: Journal, communities: Sequence[str], chance: random.Random
    ) -> None:
        super().__init__(daemon=True, name=f"visitor {which}")
        self._lines = [HttpConnection(port, journal), HttpConnection(port, journal)]
        self._which = which
        self._journal = journal
        self._communities = communities
        self._chance = chance
        self._numbers = count(1)
        self._seen = Seen(journal, self.name)
        self._acknowledged: list[Visit] = []
        self._over = threading.Event()
        self._cut = False
        self.counted_at = 0.0
        """When one of its visits was last acknowledged, on the monotonic clock, in s."""
        self._ways = {
            lambda: self._register(*self._new_visit()): 60,
            self._lose_the_answer: 10,
            self._ask_twice_at_once: 8,
            self._ask_again: 8,
            self._vanish: 5,
            self._look: 9,
            self._happen: 12,
        }

    def stop(self) -> None:
        """Stop after open visits are acknowledged."""
        self._over.set()

    def cut(self) -> None:
        """Break its connections before the next request."""
        self._cut = True

    def run(self) -> None:
        while not self._over.is_set():
            if self._cut:
                self._cut = False
                for line in self._lines:
                    line.drop()
            (way,) = self._chance.choices(list(self._ways), list(self._ways.values()))
            try:
                way()
            except Exception as error:  # a thread's traceback is not shown
                self._journal.breach(f"{self.name}: {type(error).__name__}: {error}")
            self._over.wait(self._chance.uniform(*PAUSE_S))
        for line in self._lines:
            line.close()

    def _lose_the_answer(self) -> None:
        visit, body = self._new_visit()
        if self._send(self._lines[0], visit, body):
            self._lines[0].drop()
        self._register(visit, body)

    def _ask_twice_at_once(self) -> None:
        visit, body = self._new_visit()
        sent = [line for line in self._lines if self._send(line, visit, body)]
        answers = [answer for line in sent if (answer := line.answer())]
        # Check responses in the order they were sent; the order of reading is up to this client.
        taken = [self._take(visit, answer) for answer in sorted(answers, key=_total)]
        if not any(taken):
            self._register(visit, body)

    def _ask_again(self) -> None:
        if self._acknowledged:
            visit = self._chance.choice(self._acknowledged)
            self._register(visit, _body(visit))

    def _vanish(self) -> None:
        visit, body = self._new_visit()
        self._send(self._lines[0], visit, body)
        self._lines[0].drop()
        self._journal.note("visits that were abandoned")

    def _look(self) -> None:
        least = self._journal.newest
        answer = self._lines[1].ask("GET", "/api/stats")
        if answer is None or not self._is_ok(answer, "GET /api/stats"):
            return
        self._seen.see(answer.body, pushed=False)
        if answer.body.get("stale"):
            self._journal.note("stale answers")
        elif answer.body["totalVisitors"] < least:
            self._journal.breach(f"GET /api/stats said {answer.body['totalVisitors']} when {least} was acknowledged")

    def _happen(self) -> None:
        """Send events until they are acknowledged."""
        who, first = self._new_name()
        others = self._chance.randrange(MOST_EVENTS)
        sent = [(who, name) for name in (first, *(f"{first}-{number}" for number in range(others)))]
        events = [{"id": name, "name": "search", "page": "/"} for _, name in sent]
        self._journal.sending_events(sent)

        def are_taken() -> bool:
            answer = self._chance.choice(self._lines).ask("POST", EVENTS, {"visitorId": who, "events": events})
            return self._is_ok(answer, sent[0])

        if self._persist(are_taken, sent[0]):
            self._journal.events_acknowledged(sent)

    def _new_name(self) -> Visit:
        return f"visitor-{self._which}-{self._chance.randrange(PEOPLE)}", f"{self._which}-{next(self._numbers)}"

    def _new_visit(self) -> tuple[Visit, dict[str, Any]]:
        visit = self._new_name()
        body = _body(visit)
        if self._chance.random() < 0.2:
            body["communityId"] = self._chance.choice(self._communities)
        return visit, body

    def _register(self, visit: Visit, body: dict[str, Any]) -> None:
        def is_taken() -> bool:
            line = self._chance.choice(self._lines)
            return self._send(line, visit, body) and self._take(visit, line.answer())

        if self._persist(is_taken, visit):
            self._acknowledged.append(visit)

    def _persist(self, succeeds: Callable[[], bool], what: Visit) -> bool:
        """Retry until the visit is acknowledged, as a good client does, for at most a minute. No fault lasts
        that long.
        """
        for _ in range(PATIENCE_TRIES):
            if succeeds():
                return True
            time.sleep(TRY_AGAIN_S)
        self._journal.breach(f"{what} was not acknowledged after {PATIENCE_TRIES} tries")
        return False

    def _send(self, line: HttpConnection, visit: Visit, body: dict[str, Any]) -> bool:
        self._journal.sending(visit)
        return line.send("POST", REGISTER, body)

    def _is_ok(self, answer: Answer | None, what: object) -> bool:
        if answer is not None and answer.status not in (200, 503):
            self._journal.breach(f"{what} was answered {answer}")
        return answer is not None and answer.status == 200

    def _take(self, visit: Visit, answer: Answer | None) -> bool:
        if answer is None or not self._is_ok(answer, visit):
            return False
        receipt, stats = answer.body["visit"], answer.body["stats"]
        self._journal.acknowledged(visit, receipt["ordinal"], receipt["duplicate"])
        self.counted_at = time.monotonic()
        self._seen.see(stats, pushed=False)
        if stats["totalVisitors"] < receipt["ordinal"]:
            self._journal.breach(f"ordinal {receipt['ordinal']} came with a total of {stats['totalVisitors']}")
        return True


def _total(answer: Answer) -> int:
    return answer.body["stats"]["totalVisitors"] if answer.status == 200 else 0


def _body(visit: Visit) -> dict[str, Any]:
    return {"visitorId": visit[0], "visitId": visit[1], "page": "/"}
