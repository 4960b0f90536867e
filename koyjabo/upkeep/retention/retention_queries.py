"""Queries for removing old data, at most `size` rows at a time.

Removes expired rows. Replaces the exact user agents of old visits with the values that reports use, such as "Chrome on
Android (phone)".

Functions that remove rows return how many they have removed; 0 if none are left.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import changed_rows
from koyjabo.base.network import user_agents
from koyjabo.counting.models import Visit
from koyjabo.people.accounts.models import (
    EmailLink,
    Invitation,
    LoginFailures,
    LoginSession,
    PanelInvitation,
    PendingStep,
    SpentCode,
)
from koyjabo.people.accounts.second_factor.codes import STEP_MS
from koyjabo.people.accounts.second_factor.queries import KEPT_STEPS
from koyjabo.people.audit.models import AuditLine
from koyjabo.people.mail.models import MailBudget, OutboxMail
from koyjabo.people.mail.outbox_queries import FAILED_KEPT_MS, SENT_KEPT_MS
from koyjabo.reports.share_links.models import Share
from .reduction_queries import Stretch, lock, store_position

SHARES_KEPT_MS = 30 * 86_400_000
"""How long an expired link stays in the list of share links, ms."""

POSITION = "user_agents"
REPLACE = text("UPDATE visits SET user_agent = :reduced WHERE id = :visit")

Remove = Callable[[Session, int, int], int]


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


def replace_user_agents(session: Session, before_ms: int, part: Stretch, size: int) -> Stretch:
    """Replace the user agents of visits from before a moment, among the next `size` visits. Returns the rest of the
    stretch.
    """
    lock(session)  # an erasure may lock the same visits in another order at the same time
    query = select(Visit.id, Visit.at_ms, Visit.user_agent).where(Visit.id > part.after, Visit.id <= part.last)
    rows = session.execute(query.order_by(Visit.id).limit(size)).all()
    old = {row.id: row.user_agent for row in rows if row.at_ms < before_ms and row.user_agent}
    reduced = {id: user_agents.reduced(sent) or None for id, sent in old.items()}
    changed = [{"visit": id, "reduced": text} for id, text in reduced.items() if text != old[id]]
    if changed:
        session.execute(REPLACE, changed)
    return store_position(session, POSITION, rows, part, size, lambda row: row.at_ms >= before_ms)


def _remove(session: Session, key: Any, size: int, which: ColumnElement[bool]) -> int:
    expired = select(key).where(which).limit(size)
    removal = delete(key.class_).where(key.in_(expired)).execution_options(synchronize_session=False)
    return changed_rows(session, removal)
