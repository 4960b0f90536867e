"""Measures a server with tens of thousands of open pages, from opening the pages to stopping the server."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from support.programs.processes import wait_until

from harness.clients.crowd import Closed, Crowd
from harness.clients.steady_requests import OK, Answer, Steady
from harness.servers import process_figures as proc
from harness.servers.databases import STARTING_TOTAL
from harness.servers.server import Server

REGISTERING_CONNECTIONS = 16
REST_S = 3.0
"""Longer than a room's pause after a broadcast, so that no visit waits for the previous one."""

IDLE_S = 2.0
DEAD_S = 10.0


@dataclass(frozen=True)
class Opening:
    pages: int
    pages_a_second: float
    cpu_us: float  # of the server, Redis and the database, per page


@dataclass(frozen=True)
class OneVisit:
    """A visit after a pause."""

    last_ms: float  # from sending the request until the last page shows it
    cpu_us: float  # of the server, Redis and the database in this time, per frame; nothing is subtracted
    client_us: float  # of the pages' clients, per frame
    behind: int  # pages that have not shown it
    idle_percent: float  # CPU of the server, Redis and the database just before the visit, in percent of one core


@dataclass(frozen=True)
class ManyVisits:
    answers: Sequence[Answer]
    updates_a_second: float  # to each page
    behind_s: float  # from the last response until all pages show the last visit
    behind: int


@dataclass(frozen=True)
class Ending:
    took_s: float  # from SIGTERM to the exit of the server
    closed: Closed


class Experiment:
    """One server with its open pages. Call the methods in the order of their definitions. `others` are the root
    processes of Redis and the database; their CPU and memory count as the server's.
    """

    def __init__(self, server: Server, others: Sequence[int]) -> None:
        self._server = server
        self._roots = (server.pid, *others)
        # Workers keep loading for a few seconds after the first response.
        proc.loaded_mb(server.pid, proc.tree_pss_mb)
        self.empty_mb = self.mb()
        self._before_us = self._servers_us()
        self.total = STARTING_TOTAL

    def opened(self, crowd: Crowd) -> Opening:
        crowd.settle()
        cpu_us = self._servers_us() - self._before_us
        return Opening(crowd.size, crowd.size / crowd.opened_in_s, cpu_us / crowd.size)

    def mb(self) -> float:
        """Memory of all processes in MB (10⁶ bytes). Memory shared within a process tree counts once."""
        return sum(map(proc.tree_pss_mb, self._roots))

    def one_visit(self, crowd: Crowd) -> OneVisit:
        crowd.settle()
        time.sleep(REST_S)
        idle_us_a_second = self._idle_us_a_second()
        servers, clients = self._servers_us(), _clients_us(crowd)
        crowd.begin_waiting_for(self.total + 1)
        sent_ns = time.monotonic_ns()
        self._register()
        reached = crowd.wait_for_total()
        frames = max(1, reached.updates)
        return OneVisit(
            (reached.last_at_ns - sent_ns) / 1e6,
            (self._servers_us() - servers) / frames,
            (_clients_us(crowd) - clients) / frames,
            reached.behind,
            idle_us_a_second / 1e4,
        )

    def many_visits(self, crowd: Crowd, rate: int, seconds: int) -> ManyVisits:
        crowd.settle()
        total = self.total + rate * seconds
        crowd.begin_waiting_for(total)
        answers = Steady(self._server.port, "register", rate, seconds, REGISTERING_CONNECTIONS).answers()
        reached = crowd.wait_for_total()
        _, stats, _ = self._server.ask("GET", "/api/stats", timeout_s=20)
        # includes visits whose response came too late for the client
        self.total = int(json.loads(stats)["totalVisitors"])
        last_ns = max((answer.answered_ns for answer in answers), default=0)
        behind_s = (reached.last_at_ns - last_ns + time.time_ns() - time.monotonic_ns()) / 1e9
        return ManyVisits(answers, reached.updates / crowd.size / seconds, max(0.0, behind_s), reached.behind)

    def lose_a_worker(self, crowd: Crowd) -> float:
        """Kill a worker and register a visit. Returns how many seconds it takes until every page shows the visit,
        including the dead worker's pages.
        """
        crowd.settle()
        crowd.reopen_lost()
        crowd.begin_waiting_for(self.total + 1)
        worker = self._server.workers[0]
        began_ns = time.monotonic_ns()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in self._server.workers, "the worker is gone", DEAD_S)
        self._register()  # only now, so that the worker's pages must reconnect to see the visit
        reached = crowd.wait_for_total()
        return (reached.last_at_ns - began_ns) / 1e9 if not reached.behind else float("inf")

    def end(self, crowd: Crowd) -> Ending:
        crowd.settle()
        crowd.begin_closing()
        began = time.monotonic()
        self._server.stop()
        took_s = time.monotonic() - began
        return Ending(took_s, crowd.wait_until_closed())

    def _idle_us_a_second(self) -> float:
        before, began = self._servers_us(), time.monotonic()
        time.sleep(IDLE_S)
        return (self._servers_us() - before) / (time.monotonic() - began)

    def _servers_us(self) -> float:
        return sum(map(proc.cpu_us, self._roots))

    def _register(self) -> None:
        visit = {"visitorId": f"visitor_{token_hex(8)}", "page": "/"}
        status, body, _ = self._server.post("/api/visitor/register", visit, timeout_s=20)
        if status != OK:
            raise RuntimeError(f"a visit was answered with {status}: {body!r}")
        self.total += 1


def _clients_us(crowd: Crowd) -> float:
    return sum(map(proc.cpu_us, crowd.pids))
