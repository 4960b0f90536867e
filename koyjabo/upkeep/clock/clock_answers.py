"""Stores whether the clock or the visits are right, and acts on it (decision 130)."""

import logging
from contextlib import suppress
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.runtime import Advance
from koyjabo.base.jobs.claims import LeasedTask
from koyjabo.counting import clock_queries
from koyjabo.counting.clock_queries import ANSWER_STATE, DOUBT_STATE, StoredState
from koyjabo.counting.clock_watch import (
    CLOCK_ANSWER,
    DOUBTED_CLOCK,
    RIGHT_CLOCK,
    VISITS_ANSWER,
    ClockReading,
    ClockWatch,
)
from koyjabo.people.accounts.queries import recipients
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.mail.outbox import MailOutbox
from . import refiling_queries
from .email import CLOCK_MAIL
from .refiling import Refiling

log = logging.getLogger(__name__)

CLOCK_ACTION = "clock.answer"
CLOCK_SUBJECT = Subject("server", "", "")
CLOCK_ACTIONS = {CLOCK_ACTION: N_("Clock confirmed")}

BY_ADMIN = "admin"

IMPOSSIBLE_TIME = N_("This version is newer than the time that the clock shows. Set the clock from the network (NTP).")

REFILING_LEASE = "refiling"

ANSWER_APPLIES_MS = 3_000
"""Time until all workers follow an answer, ms. Only then are rows filed again, because until then a worker may still
file visits in the future.
"""


class ClockAnswers:
    """Stores answers, and carries them out on one worker. Call `tick` every second."""

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._watch = base.services[ClockWatch]
        self._mails = base.services[MailOutbox]
        self._refiling = Refiling(base)
        self._task = LeasedTask(
            base.database, base.clock, base.runtime, REFILING_LEASE, "refiling_interrupted", "refiling_failed"
        )
        self._due_ms: int | None = None  # since when something has to be done; elapsed
        self._put_back = StoredState()  # the answer that was carried out
        self._mailed_ms = 0  # the doubt that admins got an email about

    @property
    def reading(self) -> ClockReading:
        return self._watch.reading

    def has_earlier(self) -> bool:
        """Whether the earlier times of refiled rows can be restored. Raises LedgerUnavailable."""
        return self._database.read(refiling_queries.has_earlier)

    def tick(self) -> None:
        """Answer a doubt that is over, and carry out answers. Never raises."""
        with suppress(LedgerUnavailable):  # the next tick tries again
            if self._watch.due_answer:
                self._store(Actor(None, "", "", self._clock.system_ms()), CLOCK_ANSWER, self._watch.due_answer)
                self._watch.tick(reads=True)
            elif self.reading.verdict == DOUBTED_CLOCK:
                self._send_mails()
            elapsed_ms = self._clock.elapsed_ms()
            if self._task.is_running:
                self._task.keep()
            elif not self._is_due():
                self._due_ms = None
            elif self._due_ms is None:
                self._due_ms = elapsed_ms
            elif elapsed_ms - self._due_ms >= ANSWER_APPLIES_MS and self._task.take():
                self._due_ms = None
                self._task.start(self._work)

    def answer(self, account: Account, answer: str) -> None:
        """Store an admin's answer: CLOCK_ANSWER or VISITS_ANSWER. All workers follow within 3 s. Raises Forbidden
        unless the account is a site admin, LedgerUnavailable, and InvalidInput if the clock is certainly wrong.
        """
        account.require_site_admin()
        if answer == CLOCK_ANSWER and self._clock.system_ms() < self._clock.release_ms:
            raise InvalidInput(IMPOSSIBLE_TIME, {"": IMPOSSIBLE_TIME})
        by = audit.actor(account, self._clock)._replace(at_ms=self._clock.system_ms())
        self._store(by, answer, BY_ADMIN)
        self._watch.tick(reads=True)

    def complete(self, advance: Advance = lambda visits: None) -> int:
        """Carry out the answer now. Returns the number of visits that were moved. Raises LedgerUnavailable."""
        answer = self._watch.answer
        if answer.answer == VISITS_ANSWER:
            visits = self._refiling.put_back(advance)
        else:
            visits = self._refiling.refile(answer, advance)
            # The answer stays valid as long as another server files visits in the future.
            renewed = answer._replace(at_ms=self._clock.system_ms())
            self._database.write(clock_queries.store_state, ANSWER_STATE, renewed)
        log.warning("visits_refiled answer=%s visits=%d", answer.answer, visits)
        return visits

    def close(self) -> None:
        """Let another worker continue at once."""
        self._task.release()

    def _is_due(self) -> bool:
        answer = self._watch.answer
        if answer.answer == VISITS_ANSWER:
            if answer != self._put_back and not self.has_earlier():
                self._put_back = answer
            return answer != self._put_back
        is_unfinished = self.reading.is_later or self._watch.is_refiling
        return answer.answer == CLOCK_ANSWER and self.reading.verdict == RIGHT_CLOCK and is_unfinished

    def _work(self) -> None:
        self.complete()
        self._task.release()

    def _store(self, by: Actor, answer: str, decided_by: str) -> None:
        reading = self.reading
        details = {"answer": answer, "by": decided_by, "clock": iso(self._clock.system_ms())}
        details["visits"] = iso(reading.newest_ms)

        def operation(session: Any) -> None:
            doubt = clock_queries.read_clock(session).state(DOUBT_STATE)
            given = StoredState(by.at_ms, doubt.at_ms, visit=doubt.visit, answer=answer)
            clock_queries.store_state(session, ANSWER_STATE, given)
            by.entry(CLOCK_ACTION, CLOCK_SUBJECT, **details).store(session)

        self._database.write(operation)

    def _send_mails(self) -> None:
        """Send admins one email about a doubt."""
        doubt, reading = self._watch.doubt, self.reading
        if doubt.at_ms == self._mailed_ms:
            return

        def operation(session: Any) -> None:
            for to in recipients(session):
                once = f"clock {doubt.at_ms} {to.email}"
                email = self._mails.email(
                    CLOCK_MAIL, to.email, to.language, once, clock=reading.system_ms, visits=reading.newest_ms
                )
                if email is not None:
                    email.store(session)

        self._database.write(operation)
        self._mailed_ms = doubt.at_ms
