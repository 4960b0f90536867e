"""The runtimes of the product in this process: real threads, and eventlet's loop on each of its hubs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, about itself
    from eventlet import hubs

    from koyjabo.server.process.loop import EventletRuntime

from koyjabo.runtime import Runtime

HUBS = ("epolls", "asyncio")


@contextmanager
def loop_on(hub: str) -> Iterator[EventletRuntime]:
    """A loop of this thread on the hub of that name."""
    hubs.use_hub(hub)
    runtime = EventletRuntime()
    try:
        yield runtime
    finally:
        used = hubs.get_hub()
        if used.running:
            used.abort(wait=True)
        if hub == "asyncio":
            used.loop.close()
        hubs.use_hub()


def pause(runtime: Runtime, seconds: float = 0.02) -> None:
    """Let others run meanwhile."""
    waiter = runtime.waiter()
    runtime.later(seconds, waiter.wake)
    waiter.wait()
