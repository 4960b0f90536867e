"""The product's runtimes in this process: real threads, and eventlet's loop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns about itself
    from eventlet import hubs

    from koyjabo.server.loop.eventlet_loop import EventletRuntime

from koyjabo.base.core.runtime import Runtime
from support.programs.patience import PATIENCE_S

HUBS = ("epolls", pytest.param("poll", marks=pytest.mark.long))  # `poll` is used where there is no epoll


class Panic(BaseException):
    """Raised by libraries written in Rust."""


ERRORS = pytest.mark.parametrize("error", [ValueError("its own fault"), Panic()], ids=["error", "panic"])


@contextmanager
def loop_on(hub: str = HUBS[0]) -> Iterator[EventletRuntime]:
    """Run an eventlet loop on this thread. The default is the hub that servers use."""
    hubs.use_hub(hub)
    try:
        yield EventletRuntime()
        if hubs.get_hub().running:
            hubs.get_hub().abort(wait=True)
    finally:
        hubs.use_hub()


def pause(runtime: Runtime, seconds: float = 0.02) -> None:
    """Let other tasks run for `seconds`."""
    waiter = runtime.waiter()
    runtime.later(seconds, waiter.wake)
    waiter.wait()


def pause_until(runtime: Runtime, condition: Callable[[], object]) -> None:
    """Let other tasks run until `condition` is true, which can take long on a busy machine."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s"
        pause(runtime)
