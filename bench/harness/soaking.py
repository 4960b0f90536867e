"""A soak, minute by minute: what the workers hold, and how long visits and pushes take."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

from harness import proc
from harness.passers_by import Heard, PassersBy
from harness.processes import Server
from harness.steady import Answer, Steady, percentile

MINUTE_S = 60
TIMED = 20
"""Of the sockets that stay, by how many the way of each visit is timed."""

CONNECTIONS = 8
FULL_WITHIN_S = 60
REST_S = 0.5
"""For the last visits of a minute to be heard."""

OK = 200


@dataclass(frozen=True)
class Minute:
    """Times are ms. `megabytes` and `files` are those of all workers together."""

    number: int
    megabytes: float
    files: int
    register_p50: float
    register_p99: float
    push_p50: float
    push_p99: float
    visits: int
    unheard: int
    """Visits that one of the timed sockets was not told of."""
    refused: int
    lost: int
    """Sockets that the server ended, so far."""
    came: int
    """Sockets that were opened, so far."""


def soak(server: Server, passers: PassersBy, minutes: int, rate: float) -> Iterator[Minute]:
    """Each minute as it ends."""
    fill(passers)
    for number in range(1, minutes + 1):
        steady = Steady(server.port, "register", rate, MINUTE_S, CONNECTIONS)
        passers.run(time.monotonic() + MINUTE_S + REST_S)
        workers = server.workers
        megabytes, files = sum(map(proc.rss_mb, workers)), sum(map(proc.open_files, workers))
        answers = steady.answers()
        yield _minute(number, megabytes, files, answers, passers)


def fill(passers: PassersBy) -> None:
    deadline = time.monotonic() + FULL_WITHIN_S
    while not passers.is_full:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all sockets are open within {FULL_WITHIN_S} s")
        passers.run(time.monotonic() + 0.2)
    passers.take_heard(0)


def _minute(number: int, megabytes: float, files: int, answers: list[Answer], passers: PassersBy) -> Minute:
    counted = [answer for answer in answers if answer.status == OK]
    took = [answer.took_ms for answer in counted]
    pushed, unheard = push_times(counted, passers.take_heard(TIMED))
    return Minute(
        number=number,
        megabytes=megabytes,
        files=files,
        register_p50=percentile(took, 50),
        register_p99=percentile(took, 99),
        push_p50=percentile(pushed, 50),
        push_p99=percentile(pushed, 99),
        visits=len(counted),
        unheard=unheard,
        refused=len(answers) - len(counted),
        lost=passers.lost,
        came=passers.came,
    )


def push_times(answers: Sequence[Answer], heard: Sequence[Heard]) -> tuple[list[float], int]:
    """From sending each registration until each socket shows a total that includes it, ms; and how many never did."""
    times: list[float] = []
    unheard = 0
    for line in heard:
        totals = [total for _, total in line]
        for answer in answers:
            at = bisect_left(totals, json.loads(answer.body)["visit"]["ordinal"])
            if at == len(line):
                unheard += 1
            else:
                times.append((line[at][0] - answer.sent_ns) / 1e6)
    return times, unheard


def slope_an_hour(values: Sequence[float]) -> float:
    """By least squares, of one value a minute; 0 for less than two."""
    return 60 * linear_regression(range(len(values)), values).slope if len(values) > 1 else 0.0


def thirds(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the first third and of the last."""
    size = max(1, len(values) // 3)
    return median(values[:size]), median(values[-size:])
