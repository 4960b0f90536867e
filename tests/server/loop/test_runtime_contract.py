"""The contract of `Runtime`, on real threads and on eventlet's loop with each of its hubs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, get_ident

import pytest
from support.application.runtimes import ERRORS, HUBS, loop_on, pause, pause_until
from support.programs.processes import run
from support.programs.threads import SOON_S

from koyjabo.base.core.runtime import Runtime, ThreadRuntime

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
def test_waking_one_that_fails_does_not_keep_others_from_being_woken(runtime, error):
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


def test_tasks_run_beside_each_other_and_may_block(runtime):
    first, second, done = runtime.waiter(), runtime.waiter(), []

    def ask() -> None:
        runtime.soon(first.wake)
        second.wait()
        done.append("asked")

    def answer() -> None:
        first.wait()
        done.append("answered")
        runtime.soon(second.wake)

    runtime.start_task(answer)
    runtime.start_task(ask)
    pause_until(runtime, lambda: done == ["answered", "asked"])


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
