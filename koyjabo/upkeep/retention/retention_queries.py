"""Queries for removing old data, at most `size` rows at a time.

Removes expired rows. Replaces the exact user agents of old visits with the values that reports use, such as "Chrome on
Android (phone)". Rolls up old visits: adds them to `folded_visits` and deletes their rows in one transaction. Counters,
daily sums and hourly sums equal `folded_visits` plus the remaining rows (`recount_queries`).

Functions that remove rows return how many they have removed; 0 if none are left.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, TextClause, delete, func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.json_rows import adding
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import (
    AuditLine,
    EmailLink,
    Invitation,
    LoginFailures,
    LoginSession,
    MailBudget,
    OutboxMail,
    PanelInvitation,
    PendingStep,
    RolledUpVisits,
    Share,
    SpentCode,
    Visit,
    Watermark,
)
from koyjabo.base.network import user_agents
from koyjabo.counting.queries import id_range
from koyjabo.people.accounts.second_factor.codes import STEP_MS
from koyjabo.people.accounts.second_factor.queries import KEPT_STEPS
from koyjabo.people.mail.outbox_queries import FAILED_KEPT_MS, SENT_KEPT_MS
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.block_queries import VISITS
from koyjabo.upkeep.recounts.derived_tables_queries import SUMS

SHARES_KEPT_MS = 30 * 86_400_000
"""How long an expired link stays in the list of share links, ms."""

POSITION = "user_agents"
STORE_POSITION = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, :upto, 0)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto
""")
REPLACE = text("UPDATE visits SET user_agent = :reduced WHERE id = :visit")

Remove = Callable[[Session, int, int], int]

OF_DAY = "v.id > :after AND v.id <= :upto AND v.day = :day"
OF_VISITOR = "v.visitor_id = :visitor_id AND v.day = :day AND v.id <= :upto"


def _fold(which: str) -> tuple[TextClause, TextClause]:
    """The statements that add visits to `folded_visits` and delete their rows."""
    into = "INSERT INTO folded_visits (scope, day, hour_s, visits, new_visitors)"
    fold = f"{into} {SUMS.format(which=which)} {adding(RolledUpVisits)}"
    return text(fold), text(f"DELETE FROM visits AS v WHERE {which}")


FOLD_DAY, FOLD_VISITOR = _fold(OF_DAY), _fold(OF_VISITOR)

NEXT_UPTO = text(
    "SELECT max(id) FROM "
    "(SELECT id FROM visits WHERE id > :after AND id <= :last AND day = :day ORDER BY id LIMIT :size) AS x"
)

COUNT_OLD = text("SELECT count(*) FROM visits AS v WHERE v.id > :after AND v.id <= :last AND v.day < :first_kept")

# `daily_visits` counts all visits of a day, `folded_visits` only the ones whose rows are deleted.
FOLDABLE = text("""
SELECT coalesce(sum(d.visits - coalesce(f.visits, 0)), 0), count(*) FROM daily_visits d
LEFT JOIN (
    SELECT day, sum(visits) AS visits FROM folded_visits WHERE scope = 'site' AND day < :first_kept GROUP BY day
) f ON f.day = d.day
WHERE d.scope = 'site' AND d.day < :first_kept AND d.visits > coalesce(f.visits, 0)
""")


def _expired(key: Any, kept_ms: int = 0) -> Remove:
    """A function that removes rows `kept_ms` after they have expired, from a table with the primary key `key` and the
    column `expires_ms`.
    """

    def remove(session: Session, before_ms: int, size: int) -> int:
        return _remove(session, key, size, key.class_.expires_ms <= before_ms - kept_ms)

    return remove


# A session that ended early stays until its tokens expire, so that they are recognised.
sessions = _expired(LoginSession.id)
login_failures = _expired(LoginFailures.account)


def spent_codes(session: Session, before_ms: int, size: int) -> int:
    """Remove the used codes of `size` users, because they show when the users logged in."""
    is_old = SpentCode.step < before_ms // STEP_MS - KEPT_STEPS
    users = select(SpentCode.user_id).where(is_old).distinct().limit(size)
    removal = delete(SpentCode).where(is_old, SpentCode.user_id.in_(users))
    return changed_rows(session, removal.execution_options(synchronize_session=False))


def mails(session: Session, before_ms: int, size: int) -> int:
    """Remove emails that were sent or given up long enough ago (`outbox_queries`), and waiting emails if the server no
    longer sends any.
    """
    is_sent = (OutboxMail.done_ms <= before_ms - SENT_KEPT_MS) & OutboxMail.failure.is_(None)
    is_old = func.coalesce(OutboxMail.done_ms, OutboxMail.created_ms) <= before_ms - FAILED_KEPT_MS
    return _remove(session, OutboxMail.id, size, is_sent | is_old)


def audit_lines(session: Session, before_ms: int, size: int) -> int:
    """Remove the oldest entries. Searches by id, because the times are not indexed."""
    oldest = select(AuditLine.id, AuditLine.at_ms).order_by(AuditLine.id).limit(size)
    old = [row.id for row in session.execute(oldest) if row.at_ms < before_ms]
    return _remove(session, AuditLine.id, size, AuditLine.id.in_(old)) if old else 0


UNCOUNTED: tuple[Remove, ...] = (
    *map(_expired, (Invitation.id, PanelInvitation.id, EmailLink.id, MailBudget.key, PendingStep.token)),
    _expired(Share.id, SHARES_KEPT_MS),
    mails,
    spent_codes,
)
"""Functions whose removed rows are not counted."""


def user_agents_to_read(session: Session, before_ms: int) -> tuple[int, int]:
    """The id range of visits before `before_ms` whose user agents have not been read: greater than the first id, up to
    the second.
    """
    after, last = id_range(session, None, before_ms)
    read = session.scalar(select(Watermark.upto).where(Watermark.name == POSITION)) or 0
    return max(after, read), last


def replace_user_agents(
    session: Session, before_ms: int, after: int, last: int, is_done: bool, size: int
) -> tuple[int, bool]:
    """Replace the user agents of visits before `before_ms`, among the next `size` rows with ids after `after`, up to
    `last`. `is_done`: whether all earlier visits have reduced user agents. Returns the last id that was read, and
    whether this is still so: an import may have put newer visits between older ones. The next night's run begins at the
    first newer visit.
    """
    pass  # an erasure may lock the same visits in another order at the same time
    query = select(Visit.id, Visit.at_ms, Visit.user_agent).where(Visit.id > after, Visit.id <= last)
    rows = session.execute(query.order_by(Visit.id).limit(size)).all()
    old = {row.id: row.user_agent for row in rows if row.at_ms < before_ms and row.user_agent}
    reduced = {id: user_agents.reduced(sent) or None for id, sent in old.items()}
    changed = [{"visit": id, "reduced": text} for id, text in reduced.items() if text != old[id]]
    if changed:
        session.execute(REPLACE, changed)
    reached = rows[-1].id if len(rows) == size else last
    newer = next((row.id for row in rows if row.at_ms >= before_ms), None)
    if is_done:
        session.execute(STORE_POSITION, {"name": POSITION, "upto": reached if newer is None else newer - 1})
    return reached, is_done and newer is None


def _remove(session: Session, key: Any, size: int, which: ColumnElement[bool]) -> int:
    expired = select(key).where(which).limit(size)
    removal = delete(key.class_).where(key.in_(expired)).execution_options(synchronize_session=False)
    return changed_rows(session, removal)


def count_old(session: Session, first_kept: str, after: int, last: int) -> int:
    """Number of visits on days before `first_kept`, with ids after `after`, up to `last`."""
    return int(session.execute(COUNT_OLD, {"after": after, "last": last, "first_kept": first_kept}).scalar_one())


class Foldable(NamedTuple):
    visits: int
    days: int  # number of days with such visits


def foldable(session: Session, first_kept: str) -> Foldable:
    """The visits on days before `first_kept` that are not rolled up. Reads daily sums, not visits."""
    visits, days = session.execute(FOLDABLE, {"first_kept": first_kept}).one()
    return Foldable(int(visits), days)


