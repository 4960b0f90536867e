"""Members come to one community, some with several tabs, some reload, and a worker is killed in the middle of it."""

from __future__ import annotations

import heapq
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from harness import machine, proc
from harness.contenders import PRODUCT
from harness.databases import Database
from harness.gathering import Gathering, Line, Told, told
from harness.membership import community_of
from harness.processes import Server, serving
from harness.redis_server import redis_server
from harness.tables import progress

WORKERS = 2
PAGE_UNLOAD = 1001
RELOAD_S = 0.3
COMES_BACK_S = (0.2, 1.5)
"""When the page of a killed worker tries again."""

AGREE_S = 30.0
QUIET_S = 1.0
STEP_NS = 2_000_000


@dataclass(frozen=True)
class Plan:
    members: int
    seconds: float
    with_tabs: int  # of them, three each
    reloading: int
    ghosts: int  # of those on the killed worker, how many never come back


@dataclass
class Run:
    """What happened; times are monotonic ns."""

    plan: Plan
    lines: list[Line] = field(default_factory=list)
    stayed: list[Line] = field(default_factory=list)  # open at the end
    heard: dict[int, list[Told]] = field(default_factory=dict)
    killed_ns: int = 0
    ghosts: set[int] = field(default_factory=set)
    agreed_ns: int | None = None  # when the last socket heard the final count
    cpu_percent: dict[str, float] = field(default_factory=dict)
    server_said: str = ""

    @property
    def expected(self) -> int:
        return self.plan.members - len(self.ghosts)


def run(folder: Path, database: Database, plan: Plan) -> Run:
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(None))
        env = {**database.env, "REDIS_URL": redis.url, "WEB_CONCURRENCY": str(WORKERS), "RATE_LIMIT_SOCKETS": "0"}
        server = stack.enter_context(serving(PRODUCT, env, machine.all_cores(), folder / "server.log"))
        progress(1, 3, f"{plan.members} members are written into the database")
        community = community_of(database, plan.members)
        gathering = Gathering(server.port, community.id, community.tokens)
        stack.callback(gathering.leave)
        made = _Scene(server, gathering, plan, redis.pid).play()
        progress(3, 3, "reading what the sockets were told")
        made.heard = {line.name: list(told(line)) for line in made.lines}
    made.server_said = (folder / "server.log").read_text(errors="replace")
    return made


class _Scene:
    """What is to be done when; the sockets are read in between."""

    def __init__(self, server: Server, gathering: Gathering, plan: Plan, redis: int) -> None:
        self._server = server
        self._gathering = gathering
        self._plan = plan
        self._redis = redis
        self._run = Run(plan, gathering.lines)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._random = random.Random(1)
        self._reloading: set[int] = set()

    def play(self) -> Run:
        progress(2, 3, f"they come, within {self._plan.seconds:.0f} s")
        self._write_plan()
        roots = {"workers": self._server.pid, "Redis": self._redis, "clients": os.getpid()}
        before, began_ns = {name: proc.cpu_us(root) for name, root in roots.items()}, time.monotonic_ns()
        self._act_until(lambda: not self._due)
        took_us = (time.monotonic_ns() - began_ns) / 1000
        self._run.cpu_percent = {
            name: 100 * (proc.cpu_us(root) - before[name]) / took_us for name, root in roots.items()
        }
        self._wait_until_all_agree()
        self._run.stayed = [line for line in self._gathering.lines if line.is_open]
        return self._run

    def _write_plan(self) -> None:
        plan = self._plan
        some = self._random.sample(range(plan.members), plan.with_tabs + plan.reloading)
        tabs, self._reloading = set(some[: plan.with_tabs]), set(some[plan.with_tabs :])
        for member in range(plan.members):
            at_s = plan.seconds * member / plan.members
            for tab in range(3 if member in tabs else 1):
                self._at(at_s + 0.1 * tab, lambda member=member: self._open(member))
            if member in self._reloading:
                self._at(at_s + self._random.uniform(0.3, 2.0), lambda member=member: self._reload(member))
        self._at(plan.seconds / 2, self._kill)

    def _at(self, in_s: float, do: Callable[[], object]) -> None:
        heapq.heappush(self._due, (time.monotonic_ns() + round(in_s * 1e9), next(self._order), do))

    def _act_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            while self._due and self._due[0][0] <= time.monotonic_ns():
                heapq.heappop(self._due)[2]()
            for line in self._gathering.read(time.monotonic_ns() + STEP_NS):
                self._lost(line)

    def _open(self, member: int) -> None:
        if member not in self._run.ghosts:
            self._gathering.open(member)

    def _reload(self, member: int) -> None:
        for line in [each for each in self._gathering.lines if each.member == member and each.is_open]:
            self._gathering.close(line, PAGE_UNLOAD)
            self._at(RELOAD_S, lambda: self._open(member))

    def _kill(self) -> None:
        self._run.killed_ns = time.monotonic_ns()
        os.kill(self._server.worker, signal.SIGKILL)

    def _lost(self, line: Line) -> None:
        """Its worker was killed: it comes back, unless it is one of those who do not."""
        others = [each for each in self._gathering.lines if each.member == line.member and each.is_open]
        few = len(self._run.ghosts) < self._plan.ghosts
        if few and not others and line.received and line.member not in self._reloading:
            self._run.ghosts.add(line.member)
        elif line.member not in self._run.ghosts:
            self._at(self._random.uniform(*COMES_BACK_S), lambda: self._open(line.member))

    def _wait_until_all_agree(self) -> None:
        """Until every socket has heard the final count; then a while more, in which nothing may be said."""
        ends_ns = time.monotonic_ns() + round(AGREE_S * 1e9)
        self._act_until(lambda: self._all_agree() or time.monotonic_ns() > ends_ns)
        quiet_ns = time.monotonic_ns() + round(QUIET_S * 1e9)
        self._act_until(lambda: time.monotonic_ns() > quiet_ns)

    def _all_agree(self) -> bool:
        wanted = f'"count":{self._run.expected},'.encode()
        is_open = [line for line in self._gathering.lines if line.is_open]
        for line in is_open:
            last = b"".join(data for _, data in line.received[-2:])
            if wanted not in last[last.rfind(b'"count":') :]:
                return False
        self._run.agreed_ns = max(line.received[-1][0] for line in is_open)
        return True
