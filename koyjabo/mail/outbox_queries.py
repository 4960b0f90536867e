"""Queries of the outbox, as operations of the database executor."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.database import worker_lease_queries
from koyjabo.models import OutboxMail

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

MOST_AN_HOUR = 5
"""Mails of one kind to one address: further ones are dropped, so that no form fills a stranger's mailbox."""

MOST_OF_A_SENDER = 50
"""Mails in a day that one user has sent to strangers: further ones are dropped."""

SENDER_LENGTH = 32
"""Characters of the hash of a user, with which `once` begins, so that the mails of a user are found by its index."""

LONGEST_PAUSE_MS = 4 * HOUR_MS
SENT_KEPT_MS, FAILED_KEPT_MS = DAY_MS, 30 * DAY_MS
"""A sent letter limits further ones for an hour, and keeps `once`; failures are shown longer."""
MOST_FAILURES = 10

LEASE = "mail"


class Letter(NamedTuple):
    """A mail without its texts. `data` has what they need: names, ids and numbers. `once` and `sender` are keyed
    hashes.
    """

    kind: str
    email: str
    recipient: str
    language: str | None
    data: Mapping[str, Any]
    at_ms: int
    once: str | None = None
    id: int = 0
    sender: str | None = None

    def store(self, session: Session) -> None:
        """Put it into the outbox, in the transaction of what it is about."""
        if self._is_wanted(session):
            row = self._asdict() | {"data": json.dumps(self.data), "created_ms": self.at_ms, "due_ms": self.at_ms}
            if self.sender is not None:
                row["once"] = self.sender + secrets.token_hex(SENDER_LENGTH // 2)
            session.add(OutboxMail(**{name: row[name] for name in ROW}, attempts=0))
            session.flush()

    def _is_wanted(self, session: Session) -> bool:
        same = (OutboxMail.recipient == self.recipient, OutboxMail.kind == self.kind)
        recent = (*same, OutboxMail.created_ms > self.at_ms - HOUR_MS)
        sent = session.scalar(select(func.count()).select_from(OutboxMail).where(*recent)) or 0
        known = self.once and session.scalar(select(OutboxMail.id).where(OutboxMail.once == self.once))
        return sent < MOST_AN_HOUR and not known and self._of_sender(session) < MOST_OF_A_SENDER

    def _of_sender(self, session: Session) -> int:
        """How many mails of this sender were stored within a day. Nothing that the sender does afterwards lowers it."""
        if self.sender is None:
            return 0
        theirs = OutboxMail.once.between(self.sender, f"{self.sender}g")  # digits are hexadecimal
        recent = (theirs, OutboxMail.created_ms > self.at_ms - DAY_MS)
        return session.scalar(select(func.count()).select_from(OutboxMail).where(*recent)) or 0


ROW = ("kind", "email", "recipient", "language", "data", "once", "created_ms", "due_ms")

Prepare = Callable[[Session, Letter, int], Letter | None]
"""Completes a letter right before it is sent, in the transaction that takes it from the outbox, at `now_ms`. None if
there is nothing to send any more.
"""


class Failure(NamedTuple):
    kind: str
    failure: str
    done_ms: int


class Status(NamedTuple):
    waiting: int
    oldest_ms: int | None  # since when the oldest of them has waited
    last_failure: str | None  # of an attempt for one of them
    failures: list[Failure]  # given up, newest first, at most MOST_FAILURES


def is_due(session: Session, worker: str, now_ms: int) -> bool:
    """Whether this worker should take a letter."""
    due = select(OutboxMail.id).where(OutboxMail.done_ms.is_(None), OutboxMail.due_ms <= now_ms).limit(1)
    if session.scalar(due) is None:
        return False
    return worker_lease_queries.is_free(session, LEASE, worker, now_ms)


def take(session: Session, worker: str, now_ms: int, prepare: Mapping[str, Prepare]) -> Letter | None:
    """The next letter that is due, for the one worker that has the lease. It is due again after a pause, in case this
    worker does not report what became of it.
    """
    if not worker_lease_queries.renew(session, LEASE, worker, now_ms):
        return None
    due = select(OutboxMail).where(OutboxMail.done_ms.is_(None), OutboxMail.due_ms <= now_ms)
    ordered = due.order_by(OutboxMail.kind == "weekly", OutboxMail.due_ms, OutboxMail.id).limit(1)
    while (row := session.execute(ordered).scalar_one_or_none()) is not None:
        row.attempts += 1
        row.due_ms = now_ms + pause_ms(row.attempts)
        letter = prepare.get(row.kind, _as_it_is)(session, _letter(row), now_ms)
        if letter is not None:
            return letter
        _finish(row, now_ms)
        session.flush()
    return None


def sent(session: Session, letter_id: int, now_ms: int) -> None:
    row = session.get(OutboxMail, letter_id)
    if row is not None:
        row.failure = None
        _finish(row, now_ms)


def failed(session: Session, letter_id: int, reason: str, now_ms: int) -> bool:
    """Returns whether the letter is given up, a day after it was written."""
    row = session.get(OutboxMail, letter_id)
    if row is None:
        return False
    row.failure = reason
    if now_ms - row.created_ms < DAY_MS:
        return False
    _finish(row, now_ms)
    return True


def status(session: Session) -> Status:
    waiting = OutboxMail.done_ms.is_(None)
    count, oldest_ms = session.execute(select(func.count(), func.min(OutboxMail.created_ms)).where(waiting)).one()
    tried = select(OutboxMail.failure).where(waiting, OutboxMail.failure.is_not(None))
    last = session.scalar(tried.order_by(OutboxMail.due_ms.desc()).limit(1))
    given_up = select(OutboxMail.kind, OutboxMail.failure, OutboxMail.done_ms)
    given_up = given_up.where(OutboxMail.failure.is_not(None), OutboxMail.done_ms.is_not(None))
    rows = session.execute(given_up.order_by(OutboxMail.done_ms.desc()).limit(MOST_FAILURES))
    return Status(count, oldest_ms, last, [Failure._make(row) for row in rows])


def pause_ms(attempts: int) -> int:
    """1, 3, 9, 27 and 81 minutes, then 4 hours."""
    return min(60_000 * int(3 ** min(attempts - 1, 10)), LONGEST_PAUSE_MS)


def _as_it_is(session: Session, letter: Letter, now_ms: int) -> Letter:
    return letter


def _letter(row: OutboxMail) -> Letter:
    data = json.loads(row.data)
    return Letter(row.kind, row.email, row.recipient, row.language, data, row.created_ms, row.once, row.id)


def _finish(row: OutboxMail, now_ms: int) -> None:
    """Keep no address, and nothing of the contents."""
    row.email, row.data, row.done_ms = "", "{}", now_ms
