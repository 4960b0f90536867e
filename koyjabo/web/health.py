"""For whoever keeps the server running: is it alive, and can it do its work."""

from __future__ import annotations

import time
from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel, Field

from koyjabo.web.current import current
from koyjabo.web.openapi import describe

bp = Blueprint("health", __name__)


class AliveAnswer(BaseModel):
    status: Literal["alive"] = "alive"


class Check(BaseModel):
    ok: bool
    ms: float = Field(description="how long it took to answer")
    error: str | None = None


class ReadyAnswer(BaseModel):
    """What the server depends on, and whether each of it answers."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]


@bp.get("/healthz")
@describe("Is the process alive", {200: AliveAnswer})
def healthz() -> Response:
    """Alive: this process answers. Says nothing of the database."""
    return Response(AliveAnswer().model_dump_json(), mimetype="application/json")


@bp.get("/readyz")
@describe("Can it do its work", {200: ReadyAnswer, 503: ReadyAnswer})
def readyz() -> Response:
    """Ready: the database answers. 503 with the reason when it does not."""
    database = _check_database()
    answer = ReadyAnswer(status="ready" if database.ok else "not ready", checks={"database": database})
    headers = {"Cache-Control": "no-store"} if database.ok else {"Cache-Control": "no-store", "Retry-After": "2"}
    body = answer.model_dump_json(exclude_none=True)
    return Response(body, 200 if database.ok else 503, headers, mimetype="application/json")


def _check_database() -> Check:
    began = time.perf_counter()
    stale = current().visits.stats().stale
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    return Check(ok=not stale, ms=took_ms, error="It does not answer." if stale else None)
