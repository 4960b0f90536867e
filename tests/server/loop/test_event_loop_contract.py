"""The contracts of `Runtime`, on real threads and on eventlet's loop, and of `EventLoop`, on each of its hubs.
Greenlets are reused, and a stray switch harms none of them.
"""

import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import ContextVar
from threading import Event, get_ident
from unittest.mock import Mock

import greenlet
import pytest
from support.application.runtimes import ERRORS, HUBS, loop_on, pause, pause_until
from support.programs.processes import run
from support.programs.threads import SOON_S

from koyjabo.base.core.runtime import EventLoop, Runtime, ThreadRuntime
from koyjabo.server.loop.eventlet_loop import GreenWaiter
from koyjabo.server.loop.poller import HANG_UP_EVENTS, READ_EVENT, WRITE_EVENT, Poller

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns about itself
    import eventlet

variable: ContextVar[int] = ContextVar("variable")


@pytest.fixture(params=HUBS)
def loop(request) -> Iterator[EventLoop]:
    with loop_on(request.param) as runtime:
        yield runtime


def fail(error: BaseException) -> None:
    raise error


# Calls.


def test_soon_is_after_all_requests_that_are_ready_now(loop):
    order: list[str] = []
    one, one_end = socket.socketpair()
    other, other_end = socket.socketpair()
    with one, one_end, other, other_end:

        def read(connection: socket.socket) -> None:
            connection.recv(1)
            loop.soon(lambda: order.append("soon"))
            order.append("ready")

        for connection in (one, other):
            loop.call_when_readable(connection.fileno(), lambda connection=connection: read(connection))
        one_end.send(b"x")
        other_end.send(b"x")
        pause_until(loop, lambda: len(order) == 4)
    assert order == ["ready", "ready", "soon", "soon"]


def test_call_from_a_thread_runs_on_the_loop_and_wakes_it(loop):
    ran_in, waiter = [], loop.waiter()

    def wake() -> None:
        ran_in.append(get_ident())
        waiter.wake()

    def give_up() -> None:
        ran_in.append(None)
        waiter.wake()

    def call_in_a_moment() -> None:
        time.sleep(0.05)
        loop.from_thread(wake)

    loop.later(SOON_S, give_up)  # wakes the loop if the call does not
    loop.start_thread(call_in_a_moment)
    waiter.wait()
    assert ran_in == [get_ident()]


@ERRORS
@pytest.mark.parametrize("way", ["soon", "later", "from_thread", "start_task", "run_request"])
def test_error_of_a_call_or_task_ends_nothing_else(loop, way, error):
    ways = {
        "later": lambda call: loop.later(0, call),
        "run_request": lambda call: loop.soon(lambda: loop.run_request(call)),
    }
    called = []
    start = ways.get(way) or getattr(loop, way)
    start(lambda: fail(error))
    start(lambda: called.append(1))
    pause(loop)
    start(lambda: called.append(2))
    pause_until(loop, lambda: called == [1, 2])


# Requests.


def test_request_runs_at_once_until_it_first_waits(loop):
    done = []

    def request() -> None:
        done.append("begun")
        pause(loop, 0.01)
        done.append("ended")

    def answer() -> None:
        loop.run_request(request)
        done.append("called")

    loop.soon(answer)
    pause_until(loop, lambda: len(done) == 3)
    assert done == ["begun", "called", "ended"]


def test_requests_run_at_once_with_their_own_context_variables(loop):
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


# Files and limits.


def test_readable_file_is_called_until_it_is_read(loop):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    called = []

    def read() -> None:
        called.append(get_ident())
        if len(called) == 3:
            os.read(reader, 100)

    loop.call_when_readable(reader, read)
    pause(loop)
    assert called == []
    os.write(writer, b"x")
    pause_until(loop, lambda: len(called) >= 3)
    pause(loop)
    assert called == [get_ident()] * 3


@pytest.mark.parametrize("hub", ["epolls", "asyncio", "poll"])
def test_events_of_watched_files_are_reported_until_they_are_unregistered(hub):
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


def test_limit_ends_a_wait_of_one_task_without_an_error_and_nothing_later(loop):
    done, waiter = [], loop.waiter()

    def give_up() -> None:
        done.append("the limit ended nothing")
        waiter.wake()

    loop.start_task(lambda: (pause(loop, 0.1), done.append(1)))
    loop.later(SOON_S, give_up)
    began = time.monotonic()
    with loop.limit(0.05):
        waiter.wait()
        done.append("the limit ended nothing")
    assert done in ([], [1])
    assert time.monotonic() - began >= 0.05
    with loop.limit(0.2):
        pause(loop, 0.001)
    pause_until(loop, lambda: done == [1])
    began = time.monotonic()
    pause(loop, 0.3)
    assert time.monotonic() - began >= 0.3, "the limit that was kept ends nothing"


# Greenlets.


def run_in_turn(loop, *calls) -> None:
    for call in calls:
        loop.soon(lambda call=call: loop.run_request(call))
    pause(loop, 0.05)


def switch_later(loop, call, *arguments) -> None:
    """Make a call, such as a greenlet's switch, from the loop, as eventlet's timers do."""
    loop.soon(lambda: call(*arguments))


@pytest.mark.parametrize("error", [ZeroDivisionError(), eventlet.Timeout()], ids=["error", "time-out"])
def test_request_that_fails_leaves_a_greenlet_for_the_next(loop, error, caplog):
    ran_in = []

    def fail() -> None:
        ran_in.append(greenlet.getcurrent())
        raise error

    run_in_turn(loop, fail, lambda: ran_in.append(greenlet.getcurrent()))
    assert len(ran_in) == 2
    assert len(set(ran_in)) == 1
    assert "request_failed" in caplog.text


def test_timer_or_time_out_that_a_request_left_behind_harms_no_later_request(loop):
    done = []

    def request() -> None:
        done.append(1)
        switch_later(loop, greenlet.getcurrent().switch)
        switch_later(loop, greenlet.getcurrent().throw, eventlet.Timeout())

    for times in (1, 2):
        run_in_turn(loop, request)
        assert done == [1] * times


def test_stray_switch_or_second_wake_does_not_end_a_wait():
    waiter, ended = GreenWaiter(greenlet.getcurrent()), []

    def wait_for_two_things() -> None:
        ended.append(waiter.wait())
        ended.append(greenlet.getcurrent().parent.switch())

    owner = greenlet.greenlet(wait_for_two_things)
    owner.switch()
    owner.switch()
    assert ended == []
    waiter.wake()
    waiter.wake()
    assert len(ended) == 1, "it waits for the second thing"


@pytest.mark.parametrize("error", [ZeroDivisionError(), eventlet.Timeout()], ids=["error", "time-out"])
def test_watcher_that_fails_is_logged_and_others_are_called(error, caplog):
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


LEAVE = """
import time
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.server.loop.eventlet_loop import EventletRuntime
runtime = {}()
runtime.start_thread(lambda: time.sleep(3600))
"""


@pytest.fixture(params=["threads", *HUBS])
def runtime(request) -> Iterator[Runtime]:
    if request.param == "threads":
        yield ThreadRuntime()
        return
    with loop_on(request.param) as loop:
        yield loop


# Waiters.


def test_wait_after_wake_returns_at_once_and_waking_twice_is_waking(runtime):
    waiter = runtime.waiter()
    waiter.wake()
    waiter.wake()
    waiter.wait()
    waiter.wait()


@ERRORS
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_task_that_fails_when_woken_keeps_no_other_from_being_woken(runtime, error):
    failing, calm, done = runtime.waiter(), runtime.waiter(), []

    def wait_and_fail() -> None:
        failing.wait()
        raise error

    def wait() -> None:
        calm.wait()
        done.append(1)

    def wake_both() -> None:
        failing.wake()
        calm.wake()

    runtime.start_task(wait_and_fail)
    runtime.start_task(wait)
    pause(runtime)
    runtime.soon(wake_both)
    pause_until(runtime, lambda: done == [1])


# Tasks and threads.


def test_thread_is_one_of_the_system_and_stops_no_one_else(runtime):
    ran_in, may_end = [], Event()  # nothing is patched here

    def block() -> None:
        may_end.wait(SOON_S)
        ran_in.append(get_ident())

    runtime.start_thread(block)
    pause(runtime)
    assert ran_in == []
    may_end.set()
    pause_until(runtime, lambda: len(ran_in) == 1)
    assert ran_in != [get_ident()]


@pytest.mark.parametrize("name", ["ThreadRuntime", "EventletRuntime"])
def test_thread_does_not_keep_the_process_alive(name):
    """The thread would run for an hour."""
    assert run("-c", LEAVE.format(name)).returncode == 0


# Calls.


def test_later_is_once_and_not_before_its_time(runtime):
    began, called = time.monotonic(), []
    runtime.later(0.05, lambda: called.append(time.monotonic() - began))
    pause_until(runtime, lambda: called)
    pause(runtime, 0.1)
    assert len(called) == 1
    assert called[0] >= 0.05


def test_calls_from_a_thread_keep_their_order(runtime):
    called, most = [], 2000

    def call_many() -> None:
        for number in range(most):
            runtime.from_thread(lambda number=number: called.append(number))
        runtime.from_thread(finished.wake)

    finished = runtime.waiter()
    runtime.start_thread(call_many)
    finished.wait()
    assert called == list(range(most))
