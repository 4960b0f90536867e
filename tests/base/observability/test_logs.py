"""Each event is one line in the log, even if its values contain line breaks."""

import io
import json
import logging

import pytest

from koyjabo.base.observability import logs
from koyjabo.base.observability.logs import request_id

FORGED = "ayesha\n2026-01-01T00:00:00.000Z error koyjabo forged\r\x1b[31m\u2028\x85"


@pytest.fixture
def written(monkeypatch):
    """`written("json")` returns a logger with that format, and the stream it writes to."""
    package = logging.getLogger("koyjabo")
    before = package.handlers, package.propagate, package.level

    def make(style: str) -> tuple[logging.Logger, io.StringIO]:
        logs.configure("DEBUG", style)
        out = io.StringIO()
        package.handlers[0].setStream(out)
        return logging.getLogger("koyjabo.test"), out

    token = request_id.set(None)
    yield make
    request_id.reset(token)
    package.handlers, package.propagate = before[:2]
    package.setLevel(before[2])


def test_json_has_each_value_by_its_name(written):
    log, out = written("json")
    log.info("socket_closed kind=%s code=%d duration_s=%.1f", "site", 1000, 2.5)
    expected = {"level": "info", "logger": "koyjabo.test", "event": "socket_closed"}
    expected |= {"kind": "site", "code": 1000, "duration_s": 2.5}
    assert json.loads(out.getvalue()).items() >= expected.items()


@pytest.mark.parametrize("style", ["text", "json"])
def test_values_cannot_begin_a_new_line(written, style):
    for spec in ("%s", "%r"):
        log, out = written(style)
        log.warning(f"said by={spec}", FORGED)
        assert len(out.getvalue().splitlines()) == 1
        assert not set(out.getvalue()[:-1]) & {"\n", "\r", "\x1b", "\x85"}


def test_exceptions_cannot_begin_a_new_line(written):
    log, out = written("text")
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    first, *rest = out.getvalue().split("\n")[:-1]
    assert first.endswith("error koyjabo.test failed")
    assert rest
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("style", ["text", "json"])
def test_lines_carry_the_request_that_is_being_answered(written, style):
    log, out = written(style)
    token = request_id.set("abc-1")
    log.info("during")
    request_id.reset(token)
    log.info("after")
    during, after = out.getvalue().splitlines()
    assert ("abc-1" in during, "abc-1" in after) == (True, False)


def test_errors_are_counted_by_their_event(written):
    log, _ = written("text")
    events: list[str] = []
    logs.count_errors(events.append)
    log.warning("not_an_error")
    log.error("broadcast_failed room=%s", "stats")
    assert events == ["broadcast_failed"]
