"""Removes old emails and budgets, and the waiting emails of a deleted account or a restored database."""

from sqlalchemy import Connection, delete, func, update
from sqlalchemy.orm import Session

from koyjabo.base.core.link_tokens import INVITATION, PANEL_INVITATION
from koyjabo.base.database.rows import change_in_database
from koyjabo.base.database.upkeep_rules import ExpiringRows, UpkeepRules, expiring, remove_rows
from .models import MailBudget, OutboxMail
from .outbox_queries import FAILED_KEPT_MS, SENT_KEPT_MS


def cancel_mails(session: Session, email: str, now_ms: int) -> None:
    """Cancel the emails to a deleted account. Invitations are left, because the owner of the address may be someone
    else.
    """
    is_waiting = (OutboxMail.email == email) & OutboxMail.kind.not_in((INVITATION, PANEL_INVITATION))
    mails = update(OutboxMail).where(is_waiting).values(email="", data="{}", done_ms=now_ms)
    change_in_database(session, mails)


def _remove_mails(session: Session, before_ms: int, size: int) -> int:
    """Remove emails that were sent or given up long enough ago (`outbox_queries`), and waiting emails if the server no
    longer sends any.
    """
    is_sent = (OutboxMail.done_ms <= before_ms - SENT_KEPT_MS) & OutboxMail.failure.is_(None)
    is_old = func.coalesce(OutboxMail.done_ms, OutboxMail.created_ms) <= before_ms - FAILED_KEPT_MS
    return remove_rows(session, OutboxMail.id, size, is_sent | is_old)


class MailRules(UpkeepRules):
    expiring = (expiring(MailBudget.key), ExpiringRows(OutboxMail.__tablename__, _remove_mails))

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        connection.execute(delete(OutboxMail).where(OutboxMail.done_ms.is_(None)))  # these are about events long past
