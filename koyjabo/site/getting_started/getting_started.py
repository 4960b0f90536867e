"""Setting up a new site: its first page on another host, and what the server still lacks."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.urls import shown_host
from koyjabo.base.network.origins import host_of, other_host
from koyjabo.counting.records import Receipt
from koyjabo.counting.visit_listeners import VisitListeners
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Subject
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.realtime.services import RealtimeServices
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.panel.server_page import FIRST_STEPS
from . import queries
from .queries import SiteFacts, StoredStep

FIRST_PAGE_STORED = "first_page"
"""Subject of the message that the first page on another host is stored. If it is lost, Overview shows the page when it
is opened or connects again.
"""

PAGE_STEP, LIST_STEP, TOTAL_STEP, BROWSER_STEP = STARTING_STEPS = "page", "all", "total", "browser"
"""What admins can hide: the line to paste into a page, the list of what the server lacks, and two of its steps: the
total, and not to count the admin's browser.
"""

MAX_FIRST_VISITS, FIRST_DAY_MS = 50, 86_400_000
"""Overview has reports once this many visits were counted, or this long after the first one, in ms. The same holds for
the first page: it is shown until as many visits have followed.
"""

STEP_ACTIONS = {"setup.step": N_("Getting started changed")}


class FirstDay(NamedTuple):
    earlier: int  # visits of an earlier counter that are part of the total
    until: int  # the total that ends the first day
    left_ms: int
    most: int = MAX_FIRST_VISITS


class GettingStarted:
    """The setup steps for site admins. Raises LedgerUnavailable. Listens to visits that pages register until one of
    them is on another host.
    """

    def __init__(self, base: Base) -> None:
        self._services, self._settings = base.services, base.settings
        self._database, self._clock, self._runtime = base.database, base.clock, base.runtime
        self._listeners = self._services[VisitListeners]
        self.listen()

    def first_page(self, account: Account, total: int) -> StoredStep | None:
        """The first page on another host that has counted a visit, or an empty step before that. None for accounts that
        are not site admins, and once the step is over: the page is hidden, known for FIRST_DAY_MS or since before
        Overview has reports, followed by MAX_FIRST_VISITS in `total`, or never came although the site is in use or
        other pages have visits.
        """
        if not account.is_admin:
            return None
        page = self._step(PAGE_STEP)
        if page.done_ms is not None:
            is_new = self._clock.now_ms() < page.done_ms + FIRST_DAY_MS and not self._has_reports_since(page.done_ms)
            if is_new and page.ordinal is not None and total < page.ordinal + MAX_FIRST_VISITS:
                location = self._database.read(queries.location, page.ordinal, page.done_ms)
                return page._replace(host=page.host and shown_host(page.host), location=location)
            return None
        is_over = page.skipped_ms is not None or self._facts(account).is_in_use
        return None if is_over or self._database.read(queries.has_other_page) else page

    def first_day(self, total: int) -> FirstDay | None:
        """The state of the first day; None before the first visit, and once the day is over."""
        visits, first_ms, _, day = self._database.read(queries.beginning, MAX_FIRST_VISITS)
        now_ms = self._clock.now_ms()
        left_ms = first_ms + FIRST_DAY_MS - now_ms if first_ms is not None else 0
        if left_ms <= 0 or visits >= MAX_FIRST_VISITS or (day and day < shifted(self._clock.today(), -1)):
            return None
        earlier = total - visits
        return FirstDay(earlier, earlier + MAX_FIRST_VISITS, left_ms)

    def _has_reports_since(self, at_ms: int) -> bool:
        """Whether the first day has ended after a time."""
        visits, first_ms, last_ms, _ = self._database.read(queries.beginning, MAX_FIRST_VISITS)
        ends_ms = last_ms if visits >= MAX_FIRST_VISITS else (first_ms or 0) + FIRST_DAY_MS
        return at_ms < (ends_ms or 0) <= self._clock.now_ms()

    def seen_on(self) -> str:
        """The host of the first page on another host that has counted a visit, or ""."""
        host = self._step(PAGE_STEP).host
        return shown_host(host) if host else ""

    def missing(self, account: Account) -> tuple[str, ...]:
        """Names of what the server and the admin's account lack, in the order of the list on Server. Empty for other
        accounts, and once the list is hidden.
        """
        if not account.is_admin or self._step(LIST_STEP).done_ms is not None:
            return ()
        facts, source = self._facts(account), self._services[StoredSettings].source
        sends_mail = self._services[MailOutbox].is_on
        is_new = not (facts.has_second_person or facts.is_in_use)
        has = {
            "name": source("SITE_NAME") != "default" or facts.is_in_use,
            "zone": source("TIMEZONE") != "default" or facts.is_in_use,  # visits stay on the days they were counted for
            "total": facts.has_total or facts.is_in_use or self._step(TOTAL_STEP).done_ms,
            "email": account.email != PLACEHOLDER_EMAIL,
            "confirmation": account.email == PLACEHOLDER_EMAIL or facts.has_confirmed_email or not sends_mail,
            "person": facts.has_second_person,
            "app": self._settings.app_url or not is_new,
            "second_factor": facts.has_two_step_login or is_new,
            "browser": facts.is_in_use or self._step(BROWSER_STEP).done_ms,
        }
        steps = sorted(FIRST_STEPS.items(), key=lambda named: named[1].rank)
        return tuple(name for name, step in steps if not (step.is_done() if step.is_done else has[name]))

    def hide(self, account: Account, step: str, is_hidden: bool) -> None:
        """Hide one of STARTING_STEPS for all admins, or show it again. Raises Forbidden, InvalidInput."""
        account.require_site_admin()
        if step not in STARTING_STEPS:
            raise InvalidInput(details={"step": N_("must be page, all, total or browser")})
        by = log.actor(account, self._clock)
        hide = queries.skip if step == PAGE_STEP else queries.finish
        state = "hidden" if is_hidden else "shown"
        entry = by.entry("setup.step", Subject("setup", "", ""), step=step, state=state)
        self._database.write(hide if is_hidden else queries.reopen, step, by.at_ms, audit=entry)

    def _announce(self) -> None:
        """Make the panels of all workers start over, so that an open Overview requests the first page."""
        realtime = self._services[RealtimeServices]
        realtime.reload_panel()
        realtime.bus.send_to_workers(FIRST_PAGE_STORED, None)

    def listen(self) -> None:
        """Wait for a visit from another host, because the database may not have one."""
        if self._registered not in self._listeners:
            self._listeners.append(self._registered)

    def _registered(self, receipt: Receipt, environ: Mapping[str, Any]) -> None:
        """Store the page if it is on another host. Does not wait."""
        host = other_host(environ)
        if host in ("", host_of(self._settings.public_url)):
            return

        def store_page() -> None:
            try:
                if self._database.write(queries.finish, PAGE_STEP, self._clock.now_ms(), host, receipt.ordinal):
                    self._announce()
            except LedgerUnavailable:
                self.listen()

        with suppress(ValueError):  # another thread has just noticed a page
            self._listeners.remove(self._registered)
            self._runtime.start_task(store_page)

    def _step(self, name: str) -> StoredStep:
        return self._database.read(queries.step, name)

    def _facts(self, account: Account) -> SiteFacts:
        return self._database.read(queries.site_facts, account.id, self._clock.today())
