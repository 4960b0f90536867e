"""Redis fails, and answers again, for the workers of a world of members (`support.member_worlds`)."""

from __future__ import annotations

from support.processes import wait_until


def fail(world, *workers, failure: str = "kill") -> None:
    """Let Redis fail, and these workers notice."""
    getattr(world.redis, failure)()
    for worker in workers:
        worker.members.refresh()
        wait_until(lambda worker=worker: not worker.outbox.reachable, "the outbox gives up")


def return_(world, *workers) -> None:
    """Redis answers again; each worker finds out in its turn."""
    for worker in workers:
        look_until(worker)


def look_until(worker) -> None:
    def answers() -> bool:
        worker.members.refresh()
        return worker.outbox.reachable

    wait_until(answers, "the worker has noticed that Redis is back")
    worker.flush()
