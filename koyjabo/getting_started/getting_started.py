"""What a new site still lacks, step by step, and what its admins have said about it.

Most steps are done when the server finds them done; nothing is stored of these. What is stored counts for the site, for
all its admins and browsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from koyjabo.audit import log
from koyjabo.audit.log import CHANGES, Subject
from koyjabo.backups.backups import Backups, BackupState
from koyjabo.cluster.base import Base
from koyjabo.core.clock import Clock
from koyjabo.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.core.i18n import N_
from koyjabo.core.identity import Account
from koyjabo.core.runtime import Runtime
from koyjabo.counting.records import NewVisit, Receipt
from koyjabo.counting.services import CountingServices
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.getting_started import queries
from koyjabo.getting_started.queries import SiteFacts, StoredStep
from koyjabo.mail.outbox import MailOutbox
from koyjabo.network.origins import host_of

STEPS = ("site", "page", "mail", "second_factor", "person", "backups")
ALL = "all"
"""Stands for Getting started itself, which is done when an admin has closed it."""

STATES = OPEN, DONE, SKIPPED = "open", "done", "skipped"
UNUSABLE = N_("must be a state of this step")
SETUP = Subject("setup", "", "")

CHANGES["setup.step"] = N_("Getting started changed")


class Step(NamedTuple):
    name: str  # one of STEPS
    state: str  # one of STATES


class SetupProgress(NamedTuple):
    steps: tuple[Step, ...]
    host: str | None  # of the page that was seen first
    backups: BackupState
    is_in_use: bool  # for some days, so the steps stay folded
    is_closed: bool

    @property
    def is_finished(self) -> bool:
        return all(step.state != OPEN for step in self.steps)

    @property
    def done(self) -> int:
        return sum(step.state == DONE for step in self.steps)


class GettingStarted:
    """For admins of the site; raises Forbidden for other accounts. Raises LedgerUnavailable."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        runtime: Runtime,
        backups: Backups,
        sends_mails: bool,
        own_host: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._backups = backups
        self._sends_mails = sends_mails
        self._own_host = own_host
        self._is_seen = False

    def on_overview(self, account: Account) -> SetupProgress | None:
        """None once it was closed, and for viewers."""
        if not account.is_admin or self.is_closed():
            return None
        return self.progress(account)

    def is_closed(self) -> bool:
        return ALL in self._database.read(_closed)

    def progress(self, account: Account) -> SetupProgress:
        account.require_site_admin()
        stored, facts = self._database.read(_read, account.id, self._clock.today())
        state = self._backups.state(account)
        done = {
            "site": _of(stored, "site").done_ms is not None or facts.is_in_use,
            "page": _of(stored, "page").host is not None,
            "mail": self._sends_mails,
            "second_factor": facts.has_second_factor,
            "person": facts.has_second_person,
            "backups": state.proven is not None,
        }
        return SetupProgress(
            steps=tuple(Step(name, _state(done[name], _of(stored, name))) for name in STEPS),
            host=_of(stored, "page").host,
            backups=state,
            is_in_use=facts.is_in_use,
            is_closed=_of(stored, ALL).done_ms is not None,
        )

    def change(self, account: Account, step: str, state: str) -> None:
        """Skip a step, take that back (OPEN), or say that the first one is done. Raises InvalidInput."""
        account.require_site_admin()
        if state not in _states(step):
            raise InvalidInput(details={"state": UNUSABLE})
        by = log.actor(account, self._clock)
        self._database.write(
            _change, step, state, by.at_ms, audit=by.entry("setup.step", SETUP, step=step, state=state)
        )

    def committed(self, visits: Sequence[tuple[NewVisit, Receipt]]) -> None:
        """Note the first page on another host that has counted a visit. Called with each batch; does not wait."""
        if self._is_seen:
            return
        for visit, _ in visits:
            if visit.page_host not in ("", self._own_host):
                self._is_seen = True
                self._runtime.start_task(partial(self._store_page, visit.page_host))
                return

    def look_again(self) -> None:
        """The database may have forgotten the page."""
        self._is_seen = False

    def _store_page(self, host: str) -> None:
        try:
            self._database.write(queries.finish, "page", self._clock.now_ms(), host)
        except LedgerUnavailable:
            self.look_again()


def build(base: Base) -> GettingStarted:
    backups, sends_mails = base.services[Backups], base.services[MailOutbox].is_on
    own_host = host_of(base.settings.public_url)
    steps = GettingStarted(base.database, base.clock, base.runtime, backups, sends_mails, own_host)
    base.services[CountingServices].visits.on_commit = steps.committed
    return steps


def _states(step: str) -> tuple[str, ...]:
    """What an admin may say of it."""
    if step == ALL:
        return OPEN, DONE
    return STATES if step == "site" else (OPEN, SKIPPED) if step in STEPS else ()


def _closed(session: Any) -> set[str]:
    return {name for name, step in queries.steps(session).items() if step.done_ms is not None}


def _read(session: Any, account_id: str, today: str) -> tuple[dict[str, StoredStep], SiteFacts]:
    return queries.steps(session), queries.site_facts(session, account_id, today)


def _of(stored: dict[str, StoredStep], step: str) -> StoredStep:
    return stored.get(step, StoredStep())


def _state(is_done: bool, stored: StoredStep) -> str:
    return DONE if is_done else SKIPPED if stored.skipped_ms is not None else OPEN


def _change(session: Any, step: str, state: str, at_ms: int) -> None:
    if state == DONE:
        queries.finish(session, step, at_ms)
    elif state == SKIPPED:
        queries.skip(session, step, at_ms)
    else:
        queries.reopen(session, step)
