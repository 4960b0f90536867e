"""The contract of `EventLoop`, on each of its hubs."""

import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import ContextVar
from threading import get_ident
from unittest.mock import Mock

import pytest
from support.application.runtimes import ERRORS, HUBS, loop_on, pause, pause_until
from support.programs.threads import SOON_S

from koyjabo.base.core.runtime import EventLoop
from koyjabo.server.loop.poller import HANG_UP_EVENTS, READ_EVENT, WRITE_EVENT, Poller

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns about itself
    import eventlet

variable: ContextVar[int] = ContextVar("variable")


@pytest.fixture(params=HUBS)
def loop(request) -> Iterator[EventLoop]:
    with loop_on(request.param) as runtime:
        yield runtime


def test_calls_from_a_thread_wake_the_loop_and_run_on_it_in_order(loop):
    called, most, waiter = [], 2000, loop.waiter()

    def call_many() -> None:
        for number in range(most):
            loop.from_thread(lambda number=number: called.append((number, get_ident())))
        loop.from_thread(waiter.wake)

    loop.later(SOON_S, waiter.wake)  # in case the calls do not wake the loop
    loop.start_thread(call_many)
    waiter.wait()
    assert called == [(number, get_ident()) for number in range(most)]


@ERRORS
def test_an_error_in_a_call_or_task_ends_no_other_call(loop, error):
    def fail() -> None:
        raise error

    for way in ("soon", "later", "from_thread", "start_task", "run_request"):
        ways = {
            "later": lambda call: loop.later(0, call),
            "run_request": lambda call: loop.soon(lambda: loop.run_request(call)),
        }
        called = []
        start = ways.get(way) or getattr(loop, way)
        start(fail)
        start(lambda called=called: called.append(1))
        pause_until(loop, lambda called=called: called == [1])


def test_requests_that_overlap_have_their_own_context_variables(loop):
    seen = []

    def request(number: int) -> None:
        before = variable.get(None)
        variable.set(number)
        pause(loop, 0.01)
        seen.append((before, number, variable.get()))

    for round_ in range(1, 3):
        for number in range(3):
            loop.soon(lambda number=number: loop.run_request(lambda: request(number)))
        pause_until(loop, lambda round_=round_: len(seen) == 3 * round_)
    assert sorted(seen) == sorted([(None, number, number) for number in range(3)] * 2)


@pytest.mark.parametrize("hub", HUBS)
def test_events_of_watched_files_are_reported_until_the_files_are_unregistered(hub):
    with loop_on(hub) as loop, ExitStack() as sockets:
        ours, theirs, other, gone = (sockets.enter_context(end) for pair in (0, 1) for end in socket.socketpair())
        seen: list[tuple[int, int]] = []
        files = loop.watch_files(lambda: seen.extend(files.poll(0, 16)))
        files.register(ours.fileno(), READ_EVENT)
        files.register(other.fileno(), 0)
        pause(loop)
        assert seen == []
        theirs.send(b"x")
        pause_until(loop, lambda: len(seen) >= 2)
        assert set(seen) == {(ours.fileno(), READ_EVENT)}, "again, until it is read"
        files.modify(ours.fileno(), READ_EVENT | WRITE_EVENT)
        pause_until(loop, lambda: (ours.fileno(), READ_EVENT | WRITE_EVENT) in seen)
        files.unregister(ours.fileno())
        gone.close()
        seen.clear()
        pause_until(loop, lambda: seen)
        assert {fd for fd, _ in seen} == {other.fileno()}
        assert seen[0][1] & HANG_UP_EVENTS, "also of a file that is watched for nothing"
        files.unregister(other.fileno())
        pause(loop)
        seen.clear()
        pause(loop)
        assert seen == []


@pytest.mark.parametrize("error", [ZeroDivisionError(), eventlet.Timeout()], ids=["error", "time-out"])
def test_a_watcher_that_fails_is_logged_and_other_watchers_are_called(error, caplog):
    with loop_on() as loop:
        poller = Poller(loop)
        ours, theirs = socket.socketpair()
        our, other = socket.socketpair()
        with ours, theirs, our, other:
            failing, calm = Mock(**{"ready.side_effect": error}), Mock()
            failing.failed.side_effect = lambda: poller.remove(ours.fileno())
            calm.ready.side_effect = lambda events: our.recv(1)
            poller.add(ours.fileno(), failing, READ_EVENT)
            poller.add(our.fileno(), calm, READ_EVENT)
            theirs.send(b"x")
            pause_until(loop, lambda: failing.failed.called)
            theirs.send(b"x")
            for times in (1, 2):
                other.send(b"x")
                pause_until(loop, lambda times=times: calm.ready.call_count == times)
            poller.remove(our.fileno())
    failing.failed.assert_called_once()
    assert "connection_failed" in caplog.text
