"""A log without a reader: requests do not wait for it, and lost lines are counted."""

import fcntl
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import IO, Any

import pytest
from support.programs.forking import Program
from support.programs.processes import METRICS_TOKEN, wait_until
from support.servers import changed_server
from support.servers.server import Server

from koyjabo.base.observability.log_writer import LogWriter

DROPPED = re.compile(r"^koyjabo_log_lines_dropped_total (\d+)", re.MULTILINE)
NOTE = re.compile(rb" warning koyjabo\S* log_lines_dropped count=(\d+)\n")
MAX_WAITING_LINES = 20


class UnreadServer(Server):
    """A server that writes its log to a small pipe. `read` returns what is in the pipe."""

    program = (changed_server.__file__,)

    def _start(self, *files: IO[Any]) -> Program:
        self._reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(self._reader, False)
        with open(writer, "wb") as log:
            return super()._start(*files[:2], log)

    def read(self) -> bytes:
        try:
            return os.read(self._reader, 65536)
        except BlockingIOError:
            return b""

    def dropped(self) -> int:
        """The number of lost lines in the metrics, which count them once a second."""
        scraped = self.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
        return int(float(DROPPED.search(scraped)[1]))

    def lose_lines(self) -> None:
        """Register visits until more lines are lost."""
        before = self.dropped()

        def is_lost() -> bool:
            assert self.post_visit("ayesha").status_code == 200
            return self.dropped() > before

        wait_until(is_lost, "lines of the log are lost")


@pytest.fixture
def server(sqlite_database, tmp_path) -> Iterator[UnreadServer]:
    changes = {"koyjabo.base.observability.log_writer.MAX_WAITING_LINES": MAX_WAITING_LINES}
    settings = {"LOG_LEVEL": "DEBUG", "RATE_LIMIT_VISITOR": 0, "CHANGES": json.dumps(changes)}
    server = UnreadServer(sqlite_database, tmp_path, **settings)
    server.start()
    yield server
    server.kill()
    os.close(server._reader)


def test_a_message_without_its_arguments_fails_no_request(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        writer = LogWriter()
        writer.handle(logging.makeLogRecord({"msg": "wrong %d", "args": ("text",)}))
        writer.handle(logging.makeLogRecord({"msg": "right"}))
        writer.flush()
    lines = (tmp_path / "log").read_text()
    assert ("not all arguments" in lines or "%d format" in lines, "right\n" in lines) == (True, True)


def test_requests_and_a_stop_do_not_wait_for_an_unread_log_and_lost_lines_are_counted(server):
    server.lose_lines()
    assert server.get("/healthz").ok
    log = bytearray()

    def has_note() -> bool:
        log.extend(server.read())
        return NOTE.search(log) is not None

    wait_until(has_note, "the log says how many lines are missing")
    before = log[: NOTE.search(log).start()]
    assert before.count(b"\n") > MAX_WAITING_LINES  # the lines in the pipe and those that waited
    lost = int(NOTE.search(log)[1])
    wait_until(lambda: server.dropped() >= lost, "the metrics count all of them")
    assert b"Traceback" not in log
    server.lose_lines()
    assert server.stop().status == 0
