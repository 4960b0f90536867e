"""For whoever keeps the server running: is it alive, and can it do its work."""

from __future__ import annotations

import time

from flask import Blueprint, Response, json

from koyjabo.errors import KoyJaboError
from koyjabo.web.current import current

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> dict[str, str]:
    """Alive: this process answers. Says nothing of the database."""
    return {"status": "alive"}


@bp.get("/readyz")
def readyz() -> Response:
    """Ready: the database answers. 503 with the reason when it does not."""
    began = time.perf_counter()
    try:
        stats = current().visits.stats()
        database: dict[str, object] = {"ok": not stats.stale, "ms": round((time.perf_counter() - began) * 1000, 1)}
    except KoyJaboError as error:
        database = {"ok": False, "error": str(error)}
    ready = bool(database["ok"])
    body = json.dumps({"status": "ready" if ready else "not ready", "checks": {"database": database}})
    headers = {"Cache-Control": "no-store"} if ready else {"Cache-Control": "no-store", "Retry-After": "2"}
    return Response(body, 200 if ready else 503, headers, mimetype="application/json")
