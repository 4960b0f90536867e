"""Greenlets are used again, and a request sees nothing of the one before."""

from __future__ import annotations

import warnings
from contextvars import ContextVar
from functools import partial
from weakref import ref

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, about itself
    import eventlet
    import greenlet
    from eventlet import hubs

    from koyjabo.server.http.request_greenlets import RequestGreenlets

variable: ContextVar[int] = ContextVar("variable")


def run_in_turn(*calls) -> None:
    greenlets = RequestGreenlets()
    for call in calls:
        hubs.get_hub().schedule_call_global(0, greenlets.run, call)
    eventlet.sleep(0.05)


def test_context_variables_are_new_for_each_request():
    seen, ran_in = [], set()

    def request() -> None:
        seen.append(variable.get(0))
        variable.set(1)
        ran_in.add(greenlet.getcurrent())

    run_in_turn(request, request, request)
    assert seen == [0, 0, 0]
    assert len(ran_in) == 1


def test_requests_that_wait_run_beside_each_other_with_variables_of_their_own():
    seen = []

    def request(number: int) -> None:
        variable.set(number)
        eventlet.sleep(0.01)
        seen.append((number, variable.get()))

    run_in_turn(*(lambda number=number: request(number) for number in range(3)))
    assert sorted(seen) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("error", [ZeroDivisionError(), eventlet.Timeout()], ids=["error", "time-out"])
def test_request_that_fails_leaves_a_greenlet_for_the_next(error, caplog):
    ran_in = []

    def fail() -> None:
        ran_in.append(greenlet.getcurrent())
        raise error

    run_in_turn(fail, lambda: ran_in.append(greenlet.getcurrent()))
    assert len(ran_in) == 2
    assert len(set(ran_in)) == 1
    assert "request_failed" in caplog.text


def test_timer_that_a_request_left_behind_repeats_no_request():
    done = []

    def request() -> None:
        done.append(1)
        hubs.get_hub().schedule_call_global(0, greenlet.getcurrent().switch)

    run_in_turn(request)
    assert done == [1]


def test_time_out_that_a_request_left_behind_ends_no_greenlet():
    ran_in = []

    def request() -> None:
        ran_in.append(greenlet.getcurrent())
        hubs.get_hub().schedule_call_global(0, greenlet.getcurrent().throw, eventlet.Timeout())

    greenlets = RequestGreenlets()
    for _ in range(2):
        hubs.get_hub().schedule_call_global(0, greenlets.run, request)
        eventlet.sleep(0.05)
    assert len(ran_in) == 2


def test_greenlet_keeps_nothing_of_a_request_that_has_ended():
    class Kept(set):
        pass

    greenlets, kept = RequestGreenlets(), Kept()
    gone = ref(kept)
    hubs.get_hub().schedule_call_global(0, greenlets.run, partial(len, kept))
    del kept
    eventlet.sleep(0.05)
    assert gone() is None
