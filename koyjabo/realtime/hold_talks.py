"""Talks with Redis about several scopes, side by side: what they ask at the same time goes there and back together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress

from koyjabo.realtime.hold_script import BATCH, Answer, Request

Talk = Generator[Request, Answer, None]
"""Says what is to be said of one scope, a batch at a time, and takes in what is answered."""

Ask = Callable[[list[Request]], list[Answer]]


def have(talks: Iterable[Talk], ask: Ask) -> None:
    """Have them all to their ends."""
    asking: dict[Talk, Request] = {}
    for talk in talks:
        with suppress(StopIteration):
            asking[talk] = next(talk)
    while asking:
        together = _some(asking)
        answers = ask([asking.pop(talk) for talk in together])
        for talk, answer in zip(together, answers, strict=True):
            with suppress(StopIteration):
                asking[talk] = talk.send(answer)


def _some(asking: dict[Talk, Request]) -> list[Talk]:
    """As many as make up one batch, but one at least."""
    found: list[Talk] = []
    cost = 0
    for talk, request in asking.items():
        cost += request.cost
        if found and cost > BATCH:
            break
        found.append(talk)
    return found
