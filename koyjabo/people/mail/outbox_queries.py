"""Queries for the outbox, as operations of the database executor."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from koyjabo.base.jobs import job_queries
from koyjabo.people.models import User
from .budget_queries import Charge, charge, is_used_up
from .models import OutboxMail

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

MAX_MAILS_PER_HOUR = 5
"""Maximum number of emails of one kind to one address per hour. Further ones are dropped, so that no form can fill a
stranger's mailbox.
"""

TEST_MAIL, SETTINGS_MAIL = "test", "settings"

KINDS_OF_EARLIER_SERVER = (SETTINGS_MAIL,)
"""Kinds of emails that are sent by the mail server from before the change they are about."""

MAIL_ORDER = [
    "reset",
    "email_changed",
    "sign_in",
    "email_new",
    "verify",
    SETTINGS_MAIL,
    "backup_failed",
    "invitation",
    "panel_invitation",
    TEST_MAIL,
]
"""Kinds by priority, starting with the emails that people wait for or should see at once. Features add theirs with
`kinds.add_kind`.
"""

MAX_PAUSE_MS = 4 * HOUR_MS
SENT_KEPT_MS, FAILED_KEPT_MS = DAY_MS, 30 * DAY_MS
"""How long sent and failed emails are kept, ms. A sent email counts towards the hourly limit, and reserves
its `once`.
"""
MAX_LISTED_FAILURES = 10

MAIL_LEASE = "mail"


USED_UP = "used_up"
"""Key in an email's data for the owners of the budgets that it used up. They are logged when the email is taken from
the outbox.
"""

CHARGES = "charges"
"""Key in a row's data for the charges of an email that is charged late. Both keys are removed when the email is first
taken, so that retries are neither charged nor logged again.
"""

ROW_COLUMNS = ("kind", "email", "recipient", "language", "data", "once", "created_ms", "due_ms")

Prepare: TypeAlias = "Callable[[Session, QueuedEmail, int], QueuedEmail | None]"
"""A function that completes an email just before it is sent, in the transaction that takes it from the outbox, at
`now_ms`. Returns None if the email is no longer needed.
"""


class QueuedEmail(NamedTuple):
    """An email whose text is composed later from the values in `data`: names, ids and numbers. `once` is a keyed hash.

    `charges` are the budgets that an email to a stranger uses; an email to the user `owner` uses them until that user's
    address is confirmed. With `is_charged_late`, they are used just before the email is sent, when its recipient is
    known (see `charged`).
    """

    kind: str
    email: str
    recipient: str
    language: str | None
    data: Mapping[str, Any]
    at_ms: int
    once: str | None = None
    id: int = 0
    owner: str | None = None
    charges: tuple[Charge, ...] = ()
    is_charged_late: bool = False

    def store(self, session: Session) -> bool:
        """Put the email into the outbox, in the transaction that causes it. Returns False if a budget is used up. The
        result reveals nothing about the recipient, because other emails may have used up the budget.
        """
        is_free = self.is_charged_late or (self.owner and is_confirmed(session, self.owner))
        used_up = charge(session, () if is_free else self.charges, self.at_ms)
        if used_up is None:
            return False
        same = (OutboxMail.recipient == self.recipient, OutboxMail.kind == self.kind)
        recent = (*same, OutboxMail.created_ms > self.at_ms - HOUR_MS)
        count = session.scalar(select(func.count()).select_from(OutboxMail).where(*recent)) or 0
        is_stored = self.once and session.scalar(select(OutboxMail.id).where(OutboxMail.once == self.once))
        if count < MAX_MAILS_PER_HOUR and not is_stored:
            later = {CHARGES: self.charges} if self.is_charged_late else {}
            data = json.dumps({**self.data, **later, **({USED_UP: used_up} if used_up else {})})
            row = self._asdict() | {"data": data, "created_ms": self.at_ms, "due_ms": self.at_ms}
            session.add(OutboxMail(**{name: row[name] for name in ROW_COLUMNS}, attempts=0))
            session.flush()
        return True


class Status(NamedTuple):
    waiting: int
    oldest_ms: int | None  # when the oldest of them was stored
    last_failure: str | None  # from an attempt to send one of them
    # Rows with `kind`, `failure` and `done_ms`: given up, newest first, at most MAX_LISTED_FAILURES.
    failures: Sequence[Any]
    most: int | None = None  # RATE_LIMIT_MAILS, if today's budget for emails to strangers is used up
    failed_test_ms: int | None = None  # when a test email failed, unless an email was sent later


def is_due(session: Session, worker: str, now_ms: int, kinds: Sequence[str]) -> bool:
    """Whether this worker should take an email of one of these kinds."""
    waiting = select(OutboxMail.id).where(OutboxMail.done_ms.is_(None), OutboxMail.kind.in_(kinds)).limit(1)
    if all(session.scalar(waiting.where(due_time)) is None for due_time in _due_times(now_ms)):
        return False
    return job_queries.is_lease_free(session, MAIL_LEASE, worker, now_ms)


def take(
    session: Session, worker: str, now_ms: int, prepare: Mapping[str, Prepare], kinds: Sequence[str]
) -> tuple[QueuedEmail | None, list[tuple[str, str]]]:
    """Take the next due email of one of these kinds, in their order. Only for the worker that has the lease. The email
    becomes due again after a pause, in case this worker never reports a result.

    Also returns the budgets that are used up since the last call: the owner, and the kind of email.
    """
    used_up: list[tuple[str, str]] = []
    if not job_queries.take_lease(session, MAIL_LEASE, worker, now_ms):
        return None, used_up
    while (row := _next(session, now_ms, kinds)) is not None:
        row.attempts += 1
        row.due_ms = now_ms + pause_ms(row.attempts)
        data = json.loads(row.data)
        charges = tuple(Charge(*charge) for charge in data.pop(CHARGES, ()))
        fields = row.kind, row.email, row.recipient, row.language, data, row.created_ms, row.once, row.id
        stored = QueuedEmail(*fields, charges=charges)
        queued_email = prepare[row.kind](session, stored, now_ms) if row.kind in prepare else stored
        used_up += [(of, row.kind) for of in (queued_email or stored).data.get(USED_UP, ())]
        if queued_email is not None:
            row.data = json.dumps({name: value for name, value in stored.data.items() if name != USED_UP})
            return queued_email, used_up
        _finish(row, now_ms)
        session.flush()
    return None, used_up


def _due_times(now_ms: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions for a due time. A time beyond the longest pause is from a clock that was ahead."""
    return OutboxMail.due_ms <= now_ms, OutboxMail.due_ms > now_ms + MAX_PAUSE_MS


def _next(session: Session, now_ms: int, kinds: Sequence[str]) -> OutboxMail | None:
    """The next row. Uses the index on kinds, so that waiting invitations do not slow it down, however many there
    are.
    """
    for due_time, kind in product(_due_times(now_ms), kinds):
        due = (OutboxMail.done_ms.is_(None), OutboxMail.kind == kind, due_time)
        row = session.scalar(select(OutboxMail).where(*due).order_by(OutboxMail.due_ms, OutboxMail.id).limit(1))
        if row is not None:
            return row
    return None


def charged(session: Session, queued_email: QueuedEmail, owner: str, now_ms: int) -> QueuedEmail | None:
    """Charge an email that is charged late, if its `owner` is a stranger. Returns None if a budget is used up."""
    if is_confirmed(session, owner):
        return queued_email
    used_up = charge(session, queued_email.charges, now_ms)
    return None if used_up is None else queued_email._replace(data={**queued_email.data, USED_UP: used_up})


def is_confirmed(session: Session, user_id: str) -> bool:
    """Whether a user's email is confirmed."""
    return session.scalar(select(User.verified_ms).where(User.id == user_id)) is not None


def sent(session: Session, letter_id: int, now_ms: int) -> None:
    row = session.get(OutboxMail, letter_id)
    if row is not None:
        row.failure = None
        _finish(row, now_ms)
    session.execute(delete(OutboxMail).where(OutboxMail.kind == TEST_MAIL))


def test_failed(session: Session, queued_email: QueuedEmail, reason: str, now_ms: int) -> None:
    """Store that a test email was refused. It replaces the last one."""
    session.execute(delete(OutboxMail).where(OutboxMail.kind == TEST_MAIL))
    fields = {"kind": TEST_MAIL, "recipient": queued_email.recipient, "attempts": 1, "failure": reason}
    row = OutboxMail(**fields, created_ms=now_ms, due_ms=now_ms)
    _finish(row, now_ms)
    session.add(row)


def failed(session: Session, letter_id: int, reason: str, done_ms: int | None) -> None:
    """Record a failed attempt. The email is given up at `done_ms`, if that is set."""
    row = session.get(OutboxMail, letter_id)
    if row is not None:
        row.failure = reason
        if done_ms is not None:
            _finish(row, done_ms)


def oldest_waiting_ms(session: Session) -> int | None:
    """When the oldest email that waits for the current mail server was stored."""
    return session.scalar(select(func.min(OutboxMail.created_ms)).where(_waiting()))


def _waiting() -> ColumnElement[bool]:
    return and_(OutboxMail.done_ms.is_(None), OutboxMail.kind.not_in(KINDS_OF_EARLIER_SERVER))


def status(session: Session, budget: Charge | None = None) -> Status:
    """The state of the outbox for the current mail server. `budget` is the server's budget."""
    count = session.scalar(select(func.count()).where(_waiting())) or 0
    tried = select(OutboxMail.failure).where(_waiting(), OutboxMail.failure.is_not(None))
    last = session.scalar(tried.order_by(OutboxMail.due_ms.desc()).limit(1))
    given_up = select(OutboxMail.kind, OutboxMail.failure, OutboxMail.done_ms)
    failed_test_ms = session.scalar(select(OutboxMail.done_ms).where(OutboxMail.kind == TEST_MAIL))
    given_up = given_up.where(OutboxMail.failure.is_not(None), OutboxMail.done_ms.is_not(None))
    given_up = given_up.where(OutboxMail.kind.not_in((TEST_MAIL, *KINDS_OF_EARLIER_SERVER)))
    rows = session.execute(given_up.order_by(OutboxMail.done_ms.desc()).limit(MAX_LISTED_FAILURES)).all()
    most = budget.most if budget and is_used_up(session, budget) else None
    return Status(count, oldest_waiting_ms(session), last, rows, most, failed_test_ms)


def pause_ms(attempts: int) -> int:
    """Pause after a failed attempt: 1, 3, 9, 27 and 81 minutes, then 4 hours."""
    return min(60_000 * int(3 ** min(attempts - 1, 10)), MAX_PAUSE_MS)


def _finish(row: OutboxMail, now_ms: int) -> None:
    """Finish a row, and erase its address and contents."""
    row.email, row.data, row.done_ms = "", "{}", now_ms
