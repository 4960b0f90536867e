"""Reads reports continuously. Their figures must never contradict what was acknowledged earlier."""

from __future__ import annotations

import threading
import time

from support.clients.members import Member

from chaos.http_connection import HttpConnection
from chaos.journal import Journal

SUMMARY = "/api/reports/summary?range=all"
EVERY_S = 0.3
CLOCK_FAULTS = {"clock steps", "midnight"}
"""Faults that move the clock. If it was ahead, its visits are in the future, outside every range."""


class Reader(threading.Thread):
    """A viewer of the site."""

    def __init__(self, member: Member, port: int, journal: Journal) -> None:
        super().__init__(daemon=True, name="reader")
        self._member = member
        self._line = HttpConnection(port, journal)
        self._journal = journal
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self._read()
            except Exception as error:  # a thread's traceback is not shown
                self._journal.breach(f"the reader: {type(error).__name__}: {error}")
        self._line.close()
        self._member.http.close()

    def _read(self) -> None:
        least = self._journal.newest, len(self._journal.acknowledged_events)
        answer = self._line.ask("GET", SUMMARY, headers=self._member.bearer)
        if answer is None:
            return
        if answer.status == 401:  # the clock passed the token's expiry
            self._log_in()
        elif answer.status == 200:
            self._compare(least, (answer.body["visits"], answer.body["events"]))
        elif answer.status != 503:
            self._journal.breach(f"a report was answered {answer}")

    def _compare(self, least: tuple[int, int], reported: tuple[int, int]) -> None:
        self._journal.note("reports read")
        most = len(self._journal.visits), len(self._journal.events)
        if any(figure > limit for figure, limit in zip(reported, most, strict=True)):
            self._journal.breach(f"a report said {reported}, and {most} visits and events were sent")
        is_complete = not (self._journal.lost_spans or CLOCK_FAULTS & set(self._journal.faults))
        if is_complete and any(figure < known for figure, known in zip(reported, least, strict=True)):
            self._journal.breach(f"a report said {reported} when {least} visits and events were acknowledged")

    def _log_in(self) -> None:
        try:
            self._member.log_in()
        except (AssertionError, OSError):
            time.sleep(1)  # the server is down, or the clock has moved again
