"""What keeps the promises of the loop on eventlet: greenlets are used again, and a stray switch harms none of them."""

from __future__ import annotations

import socket
import warnings
from unittest.mock import Mock

import greenlet
import pytest
from support.application.runtimes import HUBS, loop_on, pause, pause_until

from koyjabo.server.loop.eventlet_loop import GreenWaiter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, about itself
    import eventlet

    from koyjabo.server.loop.poller import READABLE, Poller


@pytest.fixture(params=HUBS)
def loop(request):
    with loop_on(request.param) as runtime:
        yield runtime


def run_in_turn(loop, *calls) -> None:
    for call in calls:
        loop.soon(lambda call=call: loop.run_request(call))
    pause(loop, 0.05)


def switch_later(loop, call, *arguments) -> None:
    """As a timer of eventlet does, to the greenlet that has set it."""
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


def test_timer_that_a_request_left_behind_repeats_no_request(loop, caplog):
    done = []

    def request() -> None:
        done.append(1)
        switch_later(loop, greenlet.getcurrent().switch)

    run_in_turn(loop, request)
    assert done == [1]
    assert "request_failed" not in caplog.text


def test_time_out_that_a_request_left_behind_ends_no_greenlet(loop):
    ran_in = []

    def request() -> None:
        ran_in.append(greenlet.getcurrent())
        switch_later(loop, greenlet.getcurrent().throw, eventlet.Timeout())

    for _ in range(2):
        run_in_turn(loop, request)
    assert len(ran_in) == 2


def test_stray_switch_does_not_end_a_wait():
    waiter = GreenWaiter(greenlet.getcurrent())
    owner = greenlet.greenlet(waiter.wait)
    owner.switch()
    owner.switch()
    assert not owner.dead
    waiter.wake()
    assert owner.dead


def test_second_wake_does_not_resume_an_owner_that_waits_for_something_else():
    waiter = GreenWaiter(greenlet.getcurrent())

    def wait_for_two_things() -> None:
        waiter.wait()
        greenlet.getcurrent().parent.switch()

    owner = greenlet.greenlet(wait_for_two_things)
    owner.switch()
    waiter.wake()
    waiter.wake()
    assert not owner.dead


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
            poller.add(ours.fileno(), failing, READABLE)
            poller.add(our.fileno(), calm, READABLE)
            theirs.send(b"x")
            pause_until(loop, lambda: failing.failed.called)
            theirs.send(b"x")
            for times in (1, 2):
                other.send(b"x")
                pause_until(loop, lambda times=times: calm.ready.call_count == times)
            poller.remove(our.fileno())
    failing.failed.assert_called_once()
    assert "connection_failed" in caplog.text
