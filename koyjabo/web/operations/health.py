"""Health checks for operators: liveness and readiness."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel, Field

from koyjabo.web.current import current
from koyjabo.web.http.answers import Answer
from koyjabo.web.http.calls import Call, lane
from koyjabo.web.operations.openapi import describe
from koyjabo.web.security import rate_limits

bp = Blueprint("health", __name__)

LATE_S = 1.5
"""The longest accepted wait of a visit for its commit, and the longest accepted lag of a worker's event loop."""


class AliveAnswer(BaseModel):
    status: Literal["alive"] = "alive"


ALIVE = Answer(HTTPStatus.OK, [("Content-Type", "application/json")], AliveAnswer().model_dump_json())


class Check(BaseModel):
    ok: bool
    ms: float | None = Field(default=None, description="response time in ms")
    error: str | None = None


class ReadyAnswer(BaseModel):
    """The dependencies of the server, and whether each of them answers."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]
    warnings: list[str] | None = Field(default=None, description="what the operator should change, if anything")


@bp.get("/healthz")
@describe("Liveness check", {200: AliveAnswer})
@lane
def healthz(call: Call) -> Answer:
    """Liveness: this process answers. The database is not checked."""
    return ALIVE


@bp.get("/readyz")
@describe("Readiness check", {200: ReadyAnswer, 503: ReadyAnswer})
def readyz() -> Response:
    """Readiness: the database answers, commits succeed without delay, the event loop is not late, and Redis answers
    where it is used. 503 with the reason if a check fails.
    """
    checks = {"database": _check_database(), "writer": _check_writer(), "loop": _check_loop()}
    redis_answers = current().observability.redis_answers
    if redis_answers is not None:
        checks["redis"] = _check_redis(redis_answers())
    ready = all(check.ok for check in checks.values())
    warning = rate_limits.limits().local_proxy.warning
    answer = ReadyAnswer(
        status="ready" if ready else "not ready", checks=checks, warnings=[warning] if warning else None
    )
    headers = {"Cache-Control": "no-store"} if ready else {"Cache-Control": "no-store", "Retry-After": "2"}
    body = answer.model_dump_json(exclude_none=True)
    return Response(body, 200 if ready else 503, headers, mimetype="application/json")


def _check_database() -> Check:
    began = time.perf_counter()
    stale = current().counting.visits.stats().stale
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    return Check(ok=not stale, ms=took_ms, error="It does not answer." if stale else None)


def _check_writer() -> Check:
    """Fails well before visitors get 503, which happens after 5 s."""
    writer = current().counting.visits.writer()
    if writer.has_failed:
        return Check(ok=False, error="The last commit failed.")
    late = writer.oldest_s > LATE_S
    error = f"{writer.waiting} visits wait for their commit, the first for {writer.oldest_s:.1f} s."
    return Check(ok=not late, ms=round(writer.oldest_s * 1000, 1), error=error if late else None)


def _check_loop() -> Check:
    lag_s = current().observability.lag_s()
    late = lag_s > LATE_S
    return Check(ok=not late, ms=round(lag_s * 1000, 1), error="The worker has too much to do." if late else None)


def _check_redis(answers: bool) -> Check:
    """The result of the last regular check, about a second ago: no request waits for Redis."""
    return Check(ok=answers, error=None if answers else "It does not answer.")
