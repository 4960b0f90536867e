"""The rows of `backups`: one for each backup that the server has begun by itself, or for an admin."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from sqlalchemy import and_, case, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows
from koyjabo.database.work_claim_queries import SILENT_MS
from koyjabo.maintenance.backups.report import WRITING, BackupReport
from koyjabo.models import Backup, NightlyWork

WORK = "backups"
"""The row of `nightly_work` that is locked to begin a backup. Its `seen_ms` is when backups were turned on first."""

RUNNING, PROVEN, FAILED = "running", "proven", "failed"

MOST_ROWS = 200
KEPT_MS = 30 * 86_400_000

MAKE_ROW = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, '', '', :now_ms, :now_ms)
ON CONFLICT DO NOTHING
""")


class BackupRow(NamedTuple):
    """See `models.Backup`."""

    id: int
    name: str
    begun_by: str
    worker: str
    begun_ms: int
    seen_ms: int
    ended_ms: int | None
    state: str
    step: str
    done: int
    goal: int
    bytes: int | None
    made_ms: int | None
    epoch: int | None
    total: int | None
    restored_total: int | None
    proven_ms: int | None
    error: str | None

    def is_dead(self, now_ms: int) -> bool:
        """Whether it runs no more, although the row says so: its worker has died, or is frozen."""
        return self.state == RUNNING and abs(now_ms - self.seen_ms) > SILENT_MS


class Beginning(NamedTuple):
    """A backup to begin."""

    name: str
    begun_by: str
    worker: str
    now_ms: int


IsDue = Callable[[int, list[BackupRow]], bool]
"""Is given since when backups are on (ms), and the rows since a moment."""

COLUMNS = [getattr(Backup, name) for name in BackupRow._fields]
IN_REPORTS = ("step", "done", "goal", "bytes", "made_ms", "epoch", "total", "restored_total", "error")
"""The columns that a report has."""


def newest(session: Session) -> list[BackupRow]:
    """The newest first, at most MOST_ROWS."""
    rows = session.execute(select(*COLUMNS).order_by(Backup.id.desc()).limit(MOST_ROWS))
    return [BackupRow._make(row) for row in rows]


def on_since_ms(session: Session) -> int | None:
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == WORK))


class BackupFigures(NamedTuple):
    proven_ms: int | None  # when the newest was proven; None before the first one
    bytes: int | None  # of its file
    failures: int  # ever


def figures(session: Session) -> BackupFigures:
    """For metrics."""
    proven = select(Backup.proven_ms, Backup.bytes).where(Backup.proven_ms.is_not(None))
    newest_proven = session.execute(proven.order_by(Backup.id.desc()).limit(1)).first()
    failures = select(func.max(Backup.failures_before + case((Backup.state == FAILED, 1), else_=0)))
    proven_ms, size = newest_proven or (None, None)
    return BackupFigures(proven_ms, size, session.scalar(failures) or 0)


def running(session: Session) -> list[BackupRow]:
    return _rows(session, Backup.state == RUNNING)


def turn_on(session: Session, now_ms: int) -> None:
    """Backups are on from now on. Idempotent."""
    session.execute(MAKE_ROW, {"name": WORK, "now_ms": now_ms})


def is_due(session: Session, since_ms: int, due: IsDue) -> bool:
    on_since = on_since_ms(session)
    return on_since is not None and due(on_since, _rows(session, Backup.begun_ms >= since_ms))


def begin(session: Session, new: Beginning, since_ms: int = 0, due: IsDue | None = None) -> BackupRow | None:
    """Begin a backup, unless one runs, or `due` says that it is not. One of all concurrent callers begins it."""
    turn_on(session, new.now_ms)
    session.execute(select(NightlyWork.name).where(NightlyWork.name == WORK).with_for_update())
    if running(session) or (due is not None and not is_due(session, since_ms, due)):
        return None
    row = Backup(
        **{"name": new.name, "begun_by": new.begun_by, "worker": new.worker},
        **{"begun_ms": new.now_ms, "seen_ms": new.now_ms, "state": RUNNING, "step": WRITING, "done": 0, "goal": 0},
    )
    session.add(row)
    session.flush()
    return _rows(session, Backup.id == row.id)[0]


def renew(session: Session, row: BackupRow, report: BackupReport, now_ms: int) -> bool:
    """Store how far it is. Returns False if it is not this worker's any more."""
    return _change(session, row, report, now_ms)


def end(session: Session, row: BackupRow, report: BackupReport, now_ms: int) -> bool:
    """Store the end of a backup, and delete the rows that say nothing any more. Returns False as `renew` does."""
    state = PROVEN if report.is_done else FAILED
    if not _change(session, row, report, now_ms, ended_ms=now_ms, state=state):
        return False
    if report.kept is not None:
        _delete_old(session, row, report.kept, now_ms)
    return True


def was_failing(session: Session, row: BackupRow) -> bool:
    """Whether the one before had failed, too."""
    before = select(Backup.state).where(Backup.id < row.id, Backup.state != RUNNING)
    return session.scalar(before.order_by(Backup.id.desc()).limit(1)) == FAILED


def _rows(session: Session, *which: Any) -> list[BackupRow]:
    return [BackupRow._make(row) for row in session.execute(select(*COLUMNS).where(*which).order_by(Backup.id))]


def _change(session: Session, row: BackupRow, report: BackupReport, now_ms: int, **more: Any) -> bool:
    values = {name: getattr(report, name) for name in IN_REPORTS}
    proven_ms = func.coalesce(Backup.proven_ms, now_ms) if report.is_proven else Backup.proven_ms
    mine = (Backup.id == row.id, Backup.worker == row.worker, Backup.state == RUNNING)
    changed = update(Backup).where(*mine).values(seen_ms=now_ms, proven_ms=proven_ms, **values, **more)
    return changed_rows(session, changed) == 1


def _delete_old(session: Session, row: BackupRow, kept: Collection[str], now_ms: int) -> None:
    """Rows of backups that are not kept any more, and of failures of long ago."""
    is_gone = and_(Backup.proven_ms.is_not(None), Backup.name.not_in(kept))
    is_old = and_(Backup.proven_ms.is_(None), Backup.begun_ms < now_ms - KEPT_MS)
    session.execute(delete(Backup).where(Backup.id != row.id, Backup.state != RUNNING, or_(is_gone, is_old)))
