"""Reports of a community, asked one after the other as curl would: right after a commit, and again."""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from harness.fill_people import COMMUNITY, enrol, today
from harness.processes import Server
from harness.steady import Steady, percentile

ALIVE_A_SECOND = 200
YEAR_DAYS = 365
OK, CREATED = 200, 201
PASSWORD = "benchmarks keep no secrets"


@dataclass(frozen=True)
class Question:
    name: str
    path: str
    wanted_ms: float


@dataclass
class Times:
    """How long the answers to a question took, ms."""

    cold: list[float] = field(default_factory=list)  # the community had just changed
    kept: list[float] = field(default_factory=list)
    status: int = OK  # the worst


@dataclass(frozen=True)
class Reading:
    times: dict[Question, Times]
    alive_ms: list[float]  # GET /healthz, each from the moment it was due
    quiet_ms: list[float]  # the same without other questions


def all_questions() -> list[Question]:
    day = date.fromisoformat(today())
    year = f"start={day - timedelta(YEAR_DAYS - 1)}&end={day}"
    hours = f"granularity=hourly&start={day - timedelta(30)}&end={day}"
    return [
        Question("today", "/today", 50),
        Question("realtime", "/realtime", 50),
        Question("growth, 7 days", "/growth", 50),
        Question("trends, 30 days", "/trends", 50),
        Question("trends, 31 days by hour", f"/trends?{hours}", 50),
        Question("trends, a year by day", f"/trends?{year}", 50),
        Question("trends, a year by week", f"/trends?granularity=weekly&{year}", 50),
        Question("people of 30 days", "/monthly", 200),
        Question("people of the year", f"?{year}", 2000),
    ]


def ask_all(server: Server, url: str, questions: Sequence[Question], seconds: float, core: int) -> Reading:
    """Asks all questions in turn for `seconds`, after a while without questions."""
    member = Member(server, url)
    quiet = Steady(server.port, "alive", ALIVE_A_SECOND, seconds / 2, core=core).answers()
    times: dict[Question, Times] = defaultdict(Times)
    alive = Steady(server.port, "alive", ALIVE_A_SECOND, seconds, core=core)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for question in questions:
            member.time(question, times[question])
    return Reading(dict(times), [a.took_ms for a in alive.answers()], [a.took_ms for a in quiet])


class Member:
    """A member of the community who asks."""

    def __init__(self, server: Server, url: str) -> None:
        self._server = server
        self._run = secrets.token_hex(4)
        body = {"email": f"{self._run}@example.com", "password": PASSWORD, "name": "Benchmark"}
        made = json.loads(self._post("/api/auth/signup", body, CREATED))
        self._headers = {"Authorization": f"Bearer {made['access_token']}"}
        enrol(url, made["user"]["id"])

    def time(self, question: Question, times: Times) -> None:
        self._post("/api/visitor/register", {"visitorId": f"bench_{self._run}", "communityId": COMMUNITY}, OK)
        for taken in (times.cold, times.kept):
            began = time.perf_counter()
            status, _, _ = self._server.ask(
                "GET", f"/api/communities/{COMMUNITY}/visitors{question.path}", None, self._headers
            )
            taken.append((time.perf_counter() - began) * 1000)
            times.status = max(times.status, status)

    def _post(self, path: str, body: dict, wanted: int) -> bytes:
        status, answer, _ = self._server.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        if status != wanted:
            raise RuntimeError(f"{path} answered {status}: {answer.decode()}")
        return answer


def p95(taken: Sequence[float]) -> float:
    return percentile(taken, 95)
