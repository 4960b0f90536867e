"""Database rows about backups, as the server writes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from koyjabo.base.core.extensions import db
from koyjabo.base.models import Backup
from koyjabo.upkeep.backups.stores import new_name
from support.application.site import Site

HOUR_MS = 3_600_000
TOOK_MS = 42_000


def add_backup(site: Site, hours_ago: float = 0, **fields: Any) -> str:
    """Add a verified backup of 22,121 visits that ended `hours_ago`. `fields` override its columns. Returns its
    name.
    """
    ended_ms = round(site.time.ms - hours_ago * HOUR_MS)
    row = {
        "name": new_name(ended_ms - TOOK_MS),
        "begun_by": "",
        "worker": "a",
        "begun_ms": ended_ms - TOOK_MS,
        "seen_ms": ended_ms,
        "ended_ms": ended_ms,
        "state": "proven",
        "step": "rotating",
        "done": 1,
        "goal": 1,
        "bytes": 3_400_000,
        "made_ms": ended_ms - TOOK_MS,
        "epoch": 1,
        "total": 22_121,
        "restored_total": 22_121,
        "proven_ms": ended_ms,
    } | fields
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(Backup).values(**row))
    return str(row["name"])


def add_failure(site: Site, hours_ago: float = 0, **fields: Any) -> str:
    """Add a backup that failed because the store was full."""
    unknown = dict.fromkeys(("bytes", "made_ms", "epoch", "total", "restored_total", "proven_ms"))
    failed = {"state": "failed", "step": "keeping", "error": "No space is left on /backups."}
    return add_backup(site, hours_ago, **unknown, **failed, **fields)


def add_running(site: Site, **fields: Any) -> str:
    unknown = dict.fromkeys(("ended_ms", "total", "restored_total", "proven_ms"))
    running = {"state": "running", "step": "restoring", "done": 9_000, "goal": 20_000}
    return add_backup(site, **{**unknown, **running, **fields})
