"""Queries for `backups`: one row for each backup that a server has begun, updated by its reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.base.jobs import job_queries
from koyjabo.base.jobs.child_process import Report
from koyjabo.base.models import Backup, NightlyWork

WORK = "backups"
"""The row in `nightly_work` that is locked to begin a backup. Its `seen_ms` is when backups were first turned on."""

RUNNING, PROVEN, FAILED = "running", "proven", "failed"

MAX_ROWS = 200
KEPT_MS = 30 * 86_400_000

MAKE_ROW = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, '', '', :now_ms, :now_ms)
ON CONFLICT DO NOTHING
""")

WRITING, KEEPING, SENDING, FETCHING = "writing", "keeping", "sending", "fetching"
RESTORING, VERIFYING, ROTATING = "restoring", "verifying", "rotating"

IsDue = Callable[[int, list[Backup]], bool]
"""A function that decides whether a backup is due, given the time when backups were turned on (ms), and recent rows,
oldest first.
"""

IN_REPORTS = ("step", "done", "goal", "bytes", "made_ms", "epoch", "total", "restored_total")
"""Columns that a report updates, except the error. A report also has `is_proven` once the backup is verified and kept.
It may have `rows`, `kept` (the names of all backups that are kept), and `recount` (`RecountResult.details`) if the
recount of the restored copy found problems.
"""


def newest(session: Session, *which: Any) -> list[Backup]:
    """The latest rows, newest first, at most MAX_ROWS."""
    return job_queries.newest(session, Backup, MAX_ROWS, *which)


def on_since_ms(session: Session) -> int | None:
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == WORK))


def figures(session: Session) -> tuple[Backup | None, int]:
    """The latest verified backup, and how many backups have ever failed."""
    failures = select(func.max(Backup.failures_before + case((Backup.state == FAILED, 1), else_=0)))
    proven = job_queries.newest(session, Backup, 1, Backup.proven_ms.is_not(None))
    return (proven[0] if proven else None), session.scalar(failures) or 0


def running(session: Session) -> list[Backup]:
    return newest(session, Backup.state == RUNNING)


def turn_on(session: Session, now_ms: int) -> None:
    """Record that backups are turned on. Idempotent."""
    session.execute(MAKE_ROW, {"name": WORK, "now_ms": now_ms})


def is_due(session: Session, since_ms: int, due: IsDue) -> bool:
    on_since = on_since_ms(session)
    return on_since is not None and due(on_since, newest(session, Backup.begun_ms >= since_ms)[::-1])


def begin(
    session: Session, new: Backup, now_ms: int, is_due: Callable[[Session], bool] = lambda session: True
) -> Backup | None:
    """Begin a backup, unless one is running or it is not due. Exactly one of several concurrent callers begins it."""
    turn_on(session, now_ms)
    session.execute(select(NightlyWork.name).where(NightlyWork.name == WORK).with_for_update())
    if running(session) or not is_due(session):
        return None
    new.state, new.step = RUNNING, WRITING
    return job_queries.add(session, new, now_ms)


def in_report(report: Report, now_ms: int) -> dict[str, Any]:
    """The values of a row that a report updates."""
    values: dict[str, Any] = {name: report[name] for name in IN_REPORTS if name in report}
    values["error"] = report.get("error") or None
    if report.get("is_proven"):
        values["proven_ms"] = func.coalesce(Backup.proven_ms, now_ms)
    return values


def end(session: Session, row: Backup, report: Report, now_ms: int) -> Backup | None:
    """Store the end of a backup, and delete obsolete rows. Returns None in the same case as `job_queries.renew`."""
    state = PROVEN if report.get("is_done") else FAILED
    ended = job_queries.renew(session, row, now_ms, ended_ms=now_ms, state=state, **in_report(report, now_ms))
    if ended is not None and "kept" in report:  # delete the rows of backups that are gone, and of old failures
        is_gone = and_(Backup.proven_ms.is_not(None), Backup.name.not_in(report["kept"]))
        is_old = and_(Backup.proven_ms.is_(None), Backup.begun_ms < now_ms - KEPT_MS)
        session.execute(delete(Backup).where(Backup.id != row.id, Backup.state != RUNNING, or_(is_gone, is_old)))
    return ended


def was_failing(session: Session, row: Backup) -> bool:
    """Whether the previous backup failed as well."""
    before = select(Backup.state).where(Backup.id < row.id, Backup.state != RUNNING)
    return session.scalar(before.order_by(Backup.id.desc()).limit(1)) == FAILED
