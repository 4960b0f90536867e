"""Queries for the outbox and for the daily budgets for emails to strangers, which apply across workers and restarts.
They are operations of the database executor.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.jobs import job_queries
from koyjabo.people.models import User
from .models import MailBudget, OutboxMail

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

MAX_PER_HOUR = 5
"""Maximum number of emails of one kind to one address per hour. Further ones are dropped, so that no form can fill a
stranger's mailbox.
"""

TEST, SETTINGS = "test", "settings"

OF_EARLIER = (SETTINGS,)
"""Kinds of emails that are sent by the mail server from before the change they are about."""

ORDER = [
    "reset",
    "email_changed",
    "sign_in",
    "email_new",
    "verify",
    SETTINGS,
    "backup_failed",
    "invitation",
    "panel_invitation",
    TEST,
]
"""Kinds by priority, starting with the emails that people wait for or should see at once. Features add theirs with
`kinds.add_kind`.
"""

LONGEST_PAUSE_MS = 4 * HOUR_MS
SENT_KEPT_MS, FAILED_KEPT_MS = DAY_MS, 30 * DAY_MS
"""How long sent and failed emails are kept, ms. A sent email counts towards the hourly limit, and reserves
its `once`.
"""
MAX_FAILURES = 10

LEASE = "mail"

BUDGET_KEPT_MS = 25 * 3_600_000
"""How long a budget is kept, ms. Budgets are daily, and a day has up to 25 hours."""

ADD_BUDGET = text(
    "INSERT INTO mail_budgets (key, used, expires_ms) VALUES (:key, 0, :expires_ms) ON CONFLICT (key) DO NOTHING"
)


class Charge(NamedTuple):
    """One email charged to a budget: the budget's owner (`account`, `network` or `server`), key and size."""

    of: str
    key: str
    most: int


def charge(session: Session, charges: Sequence[Charge], now_ms: int) -> list[str] | None:
    """Take one email from each budget. Returns the owners whose budgets are now used up. If a budget was already used
    up, takes nothing and returns None. Locks the budgets until the transaction ends.
    """
    by_key = {budget.key: budget for budget in charges}
    keys = sorted(by_key)  # in a fixed order, to avoid deadlocks
    if not keys:
        return []
    session.execute(ADD_BUDGET, [{"key": key, "expires_ms": now_ms + BUDGET_KEPT_MS} for key in keys])
    query = select(MailBudget.key, MailBudget.used).where(MailBudget.key.in_(keys)).order_by(MailBudget.key)
    used = {row.key: row.used for row in session.execute(query.with_for_update())}
    if any(used[key] >= budget.most for key, budget in by_key.items()):
        return None
    session.execute(update(MailBudget).where(MailBudget.key.in_(keys)).values(used=MailBudget.used + 1))
    return [budget.of for key, budget in by_key.items() if used[key] + 1 == budget.most]


def is_used_up(session: Session, budget: Charge) -> bool:
    used = session.scalar(select(MailBudget.used).where(MailBudget.key == budget.key))
    return used is not None and used >= budget.most


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
        if count < MAX_PER_HOUR and not is_stored:
            later = {CHARGES: self.charges} if self.is_charged_late else {}
            data = json.dumps({**self.data, **later, **({USED_UP: used_up} if used_up else {})})
            row = self._asdict() | {"data": data, "created_ms": self.at_ms, "due_ms": self.at_ms}
            session.add(OutboxMail(**{name: row[name] for name in ROW}, attempts=0))
            session.flush()
        return True


USED_UP = "used_up"
"""Key in an email's data for the owners of the budgets that it used up. They are logged when the email is taken from
the outbox.
"""

CHARGES = "charges"
"""Key in a row's data for the charges of an email that is charged late. Both keys are removed when the email is first
taken, so that retries are neither charged nor logged again.
"""

ROW = ("kind", "email", "recipient", "language", "data", "once", "created_ms", "due_ms")


Prepare = Callable[[Session, QueuedEmail, int], QueuedEmail | None]
"""A function that completes an email just before it is sent, in the transaction that takes it from the outbox, at
`now_ms`. Returns None if the email is no longer needed.
"""


class Status(NamedTuple):
    waiting: int
    oldest_ms: int | None  # when the oldest of them was stored
    last_failure: str | None  # from an attempt to send one of them
    failures: Sequence[Any]  # rows with `kind`, `failure` and `done_ms`: given up, newest first, at most MAX_FAILURES
    most: int | None = None  # RATE_LIMIT_MAILS, if today's budget for emails to strangers is used up
    failed_test_ms: int | None = None  # when a test email failed, unless an email was sent later


def is_due(session: Session, worker: str, now_ms: int, kinds: Sequence[str]) -> bool:
    """Whether this worker should take an email of one of these kinds."""
    due = (OutboxMail.done_ms.is_(None), OutboxMail.kind.in_(kinds), OutboxMail.due_ms <= now_ms)
    if session.scalar(select(OutboxMail.id).where(*due).limit(1)) is None:
        return False
    return job_queries.is_lease_free(session, LEASE, worker, now_ms)


def take(
    session: Session, worker: str, now_ms: int, prepare: Mapping[str, Prepare], kinds: Sequence[str]
) -> tuple[QueuedEmail | None, list[tuple[str, str]]]:
    """Take the next due email of one of these kinds, in their order. Only for the worker that has the lease. The email
    becomes due again after a pause, in case this worker never reports a result.

    Also returns the budgets that are used up since the last call: the owner, and the kind of email.
    """
    used_up: list[tuple[str, str]] = []
    if not job_queries.take_lease(session, LEASE, worker, now_ms):
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


def _next(session: Session, now_ms: int, kinds: Sequence[str]) -> OutboxMail | None:
    """The next row. Uses the index on kinds, so that waiting invitations do not slow it down, however many there
    are.
    """
    for kind in kinds:
        due = (OutboxMail.done_ms.is_(None), OutboxMail.kind == kind, OutboxMail.due_ms <= now_ms)
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
    session.execute(delete(OutboxMail).where(OutboxMail.kind == TEST))


def test_failed(session: Session, queued_email: QueuedEmail, reason: str, now_ms: int) -> None:
    """Store that a test email was refused. It replaces the last one."""
    session.execute(delete(OutboxMail).where(OutboxMail.kind == TEST))
    fields = {"kind": TEST, "recipient": queued_email.recipient, "attempts": 1, "failure": reason}
    row = OutboxMail(**fields, created_ms=now_ms, due_ms=now_ms)
    _finish(row, now_ms)
    session.add(row)


def failed(session: Session, letter_id: int, reason: str, now_ms: int) -> bool:
    """Record a failed attempt. Returns whether the email has been given up, which happens a day after it was stored."""
    row = session.get(OutboxMail, letter_id)
    if row is None:
        return False
    row.failure = reason
    if now_ms - row.created_ms < DAY_MS:
        return False
    _finish(row, now_ms)
    return True


def status(session: Session, budget: Charge | None = None) -> Status:
    """The state of the outbox for the current mail server. `budget` is the server's budget."""
    waiting = and_(OutboxMail.done_ms.is_(None), OutboxMail.kind.not_in(OF_EARLIER))
    count, oldest_ms = session.execute(select(func.count(), func.min(OutboxMail.created_ms)).where(waiting)).one()
    tried = select(OutboxMail.failure).where(waiting, OutboxMail.failure.is_not(None))
    last = session.scalar(tried.order_by(OutboxMail.due_ms.desc()).limit(1))
    given_up = select(OutboxMail.kind, OutboxMail.failure, OutboxMail.done_ms)
    failed_test_ms = session.scalar(select(OutboxMail.done_ms).where(OutboxMail.kind == TEST))
    given_up = given_up.where(OutboxMail.failure.is_not(None), OutboxMail.done_ms.is_not(None))
    given_up = given_up.where(OutboxMail.kind.not_in((TEST, *OF_EARLIER)))
    rows = session.execute(given_up.order_by(OutboxMail.done_ms.desc()).limit(MAX_FAILURES)).all()
    most = budget.most if budget and is_used_up(session, budget) else None
    return Status(count, oldest_ms, last, rows, most, failed_test_ms)


def pause_ms(attempts: int) -> int:
    """Pause after a failed attempt: 1, 3, 9, 27 and 81 minutes, then 4 hours."""
    return min(60_000 * int(3 ** min(attempts - 1, 10)), LONGEST_PAUSE_MS)


def _finish(row: OutboxMail, now_ms: int) -> None:
    """Finish a row, and erase its address and contents."""
    row.email, row.data, row.done_ms = "", "{}", now_ms
