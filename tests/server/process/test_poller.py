"""One watcher that fails does not keep the others from being called."""

from __future__ import annotations

import socket
import warnings
from unittest.mock import Mock

import pytest
from support.runtimes import loop_on

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, about itself
    import eventlet

    from koyjabo.server.process.poller import READABLE, Poller


@pytest.mark.parametrize("error", [ZeroDivisionError(), eventlet.Timeout()], ids=["error", "time-out"])
def test_watcher_that_fails_is_told_and_others_are_called(error, caplog):
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
            for _ in range(2):
                theirs.send(b"x")
                eventlet.sleep(0.01)
                other.send(b"x")
                eventlet.sleep(0.01)
            poller.remove(our.fileno())
    failing.failed.assert_called_once()
    assert calm.ready.call_count == 2
    assert "connection_failed" in caplog.text
