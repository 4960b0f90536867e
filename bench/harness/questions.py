"""Reports of the whole site, asked by its admin: right after a commit, and again; and the projection that they need."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness import proc
from harness.contenders import Contender
from harness.databases import Database
from harness.processes import Server
from harness.steady import Steady

ALIVE_A_SECOND, OK = 200, 200
EMAIL, PASSWORD = "admin@example.com", "benchmarks keep no secrets"
UNREAD = """
SELECT c.visits - coalesce((SELECT w.upto FROM watermarks w WHERE w.name = 'visits'), 0)
FROM counters c WHERE c.scope = 'site'
"""
PATIENCE_S = 3600
RANGES = {"30d": 50, "365d": 200}
FILTERED = {"30d": 1000, "365d": 10_000}
LISTS = ("page", "source", "referrer", "city", "browser", "channel", "visitor_kind")


@dataclass(frozen=True)
class Question:
    name: str
    path: str
    wanted_ms: float


@dataclass
class Times:
    """How long the answers to a question took, ms."""

    cold: list[float] = field(default_factory=list)  # the site had just changed
    kept: list[float] = field(default_factory=list)
    status: int = OK  # the worst


@dataclass(frozen=True)
class Reading:
    times: dict[Question, Times]
    alive_ms: list[float]  # GET /healthz, each from the moment it was due
    quiet_ms: list[float]  # the same without other questions


def all_questions() -> list[Question]:
    found = []
    for range_, wanted_ms in RANGES.items():
        asked = {"summary": "summary?compare=previous&", "hours": "hours?", "by day": "timeline?granularity=day&"}
        asked |= {"by week": "timeline?granularity=week&"} | {f"by {name}": f"breakdown?by={name}&" for name in LISTS}
        found += [Question(f"{range_}, {name}", f"{path}range={range_}", wanted_ms) for name, path in asked.items()]
    found.append(Question("30d, by hour", "timeline?granularity=hour&range=30d", RANGES["30d"]))
    return found


def filtered_questions() -> list[Question]:
    return [
        Question(f"{range_}, {name}, filtered", f"{path}range={range_}&browser=Chrome", wanted_ms)
        for range_, wanted_ms in FILTERED.items()
        for name, path in {"summary": "summary?", "by page": "breakdown?by=page&"}.items()
    ]


def with_admin(contender: Contender) -> Contender:
    return replace(contender, env=(*contender.env, ("ADMIN_EMAIL", EMAIL), ("ADMIN_PASSWORD", PASSWORD)))


def wait_until_read(server: Server, database: Database) -> tuple[float, float]:
    """Until the projection has read all visits: how long it took, s, and how much of a core, s. The server does nothing
    else meanwhile.
    """
    began, used_us = time.monotonic(), proc.cpu_us(server.pid)
    while database.query(UNREAD)[0][0] > 0:
        if time.monotonic() - began > PATIENCE_S:
            raise RuntimeError("the projection does not catch up")
        time.sleep(0.5)
    return time.monotonic() - began, (proc.cpu_us(server.pid) - used_us) / 1e6


def ask_all(server: Server, questions: Sequence[Question], rounds: int, core: int) -> Reading:
    """Asks all questions in turn, `rounds` times, after 5 s without questions."""
    headers = {"Authorization": f"Bearer {_token(server)}"}
    quiet = Steady(server.port, "alive", ALIVE_A_SECOND, 5.0, core=core).answers()
    alive, times = Steady(server.port, "alive", ALIVE_A_SECOND, 2.0 * rounds, core=core), defaultdict(Times)
    for _ in range(rounds):
        for question in questions:
            _ask(server, question, headers, times[question])
    return Reading(dict(times), [a.took_ms for a in alive.answers()], [a.took_ms for a in quiet])


def _ask(server: Server, question: Question, headers: dict[str, str], times: Times) -> None:
    body = json.dumps({"visitorId": "bench_insights", "page": "/"})
    server.ask("POST", "/api/visitor/register", body, {"Content-Type": "application/json"})
    for taken in (times.cold, times.kept):
        began = time.perf_counter()
        status, _, _ = server.ask("GET", f"/api/reports/{question.path}", None, headers, timeout_s=60)
        taken.append((time.perf_counter() - began) * 1000)
        times.status = max(times.status, status)


def _token(server: Server) -> str:
    body = json.dumps({"email": EMAIL, "password": PASSWORD})
    status, answer, _ = server.ask("POST", "/api/auth/login", body, {"Content-Type": "application/json"})
    if status != OK:
        raise RuntimeError(f"the admin cannot log in: {answer.decode()}")
    token: str = json.loads(answer)["access_token"]
    return token
