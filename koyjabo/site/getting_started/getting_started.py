"""Setting up a new site: its first page on another host, and what the server still lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.urls import shown_host
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network.origins import host_of, other_host
from koyjabo.counting.records import Receipt
from koyjabo.counting.services import CountingServices
from koyjabo.people.audit import log
from koyjabo.people.audit.log import CHANGES, Subject
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.site.getting_started import queries
from koyjabo.site.getting_started.queries import SiteFacts, StoredStep
from koyjabo.upkeep.backups.backups import Backups

PAGE, LIST = "page", "all"
"""The parts that admins can hide: the line to paste into a page, and the list of what the server lacks."""

NEW_MS = 600_000
"""Maximum time that Overview shows the first page, ms."""

UNKNOWN = N_("must be page or all")
SETUP = Subject("setup", "", "")

CHANGES["setup.step"] = N_("Getting started changed")


class GettingStarted:
    """The setup steps for site admins. Raises LedgerUnavailable. Listens to visits that pages register until one of
    them is on another host. Calls `on_first_page` after storing the first such page.

    `settings_for` says whether the time zone, mail and backups are set up.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        runtime: Runtime,
        settings_for: Mapping[str, bool],
        own_host: str,
        listeners: list[Callable[[Receipt, Mapping[str, Any]], object]],
        on_first_page: Callable[[], object],
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._settings_for = settings_for
        self._own_host = own_host
        self._listeners = listeners
        self._on_first_page = on_first_page
        self.listen()

    def first_page(self, account: Account, total: int) -> StoredStep | None:
        """The first page on another host that has counted a visit, or an empty step before that. None for accounts that
        are not site admins, and once the step is over: the page is hidden, known for NEW_MS, followed by later visits
        in `total`, or never came although the site is in use.
        """
        if not account.is_admin:
            return None
        page = self._step(PAGE)
        if page.done_ms is not None:
            is_newest = page.ordinal is not None and total <= page.ordinal
            if is_newest and self._clock.now_ms() < page.done_ms + NEW_MS:
                host, location = page.host and shown_host(page.host), self._database.read(queries.newest_location)
                return page._replace(host=host, location=location)
            return None
        return None if page.skipped_ms is not None or self._facts(account).is_in_use else page

    def seen_on(self) -> str:
        """The host of the first page on another host that has counted a visit, or ""."""
        host = self._step(PAGE).host
        return shown_host(host) if host else ""

    def missing(self, account: Account) -> tuple[str, ...]:
        """Names of what the server lacks, for the list on Health. Empty for other accounts, and once the list is
        hidden.
        """
        if not account.is_admin or self._step(LIST).done_ms is not None:
            return ()
        facts = self._facts(account)
        has = {
            "zone": self._settings_for["zone"] or facts.is_in_use,  # visits stay on the days they were counted for
            "total": facts.has_total or facts.is_in_use,
            "mail": self._settings_for["mail"],
            "person": facts.has_second_person,
            "second_factor": facts.has_second_factor,
            "backups": self._settings_for["backups"],
        }
        return tuple(name for name, is_there in has.items() if not is_there)

    def hide(self, account: Account, step: str, is_hidden: bool) -> None:
        """Hide PAGE or LIST for all admins, or show it again. Raises Forbidden, InvalidInput."""
        account.require_site_admin()
        if step not in (PAGE, LIST):
            raise InvalidInput(details={"step": UNKNOWN})
        by = log.actor(account, self._clock)
        change = queries.reopen if not is_hidden else queries.skip if step == PAGE else queries.finish
        entry = by.entry("setup.step", SETUP, step=step, state="hidden" if is_hidden else "shown")
        self._database.write(change, step, by.at_ms, audit=entry)

    def listen(self) -> None:
        """Wait for a visit from another host, because the database may not have one."""
        if self._registered not in self._listeners:
            self._listeners.append(self._registered)

    def _registered(self, receipt: Receipt, environ: Mapping[str, Any]) -> None:
        """Store the page if it is on another host. Does not wait."""
        host = other_host(environ)
        if host in ("", self._own_host):
            return
        with suppress(ValueError):  # another thread has just noticed a page
            self._listeners.remove(self._registered)
            self._runtime.start_task(partial(self._store_page, host, receipt.ordinal))

    def _store_page(self, host: str, ordinal: int) -> None:
        try:
            if self._database.write(queries.finish, PAGE, self._clock.now_ms(), host, ordinal):
                self._on_first_page()
        except LedgerUnavailable:
            self.listen()

    def _step(self, name: str) -> StoredStep:
        return self._database.read(queries.step, name)

    def _facts(self, account: Account) -> SiteFacts:
        return self._database.read(queries.site_facts, account.id, self._clock.today())


def build(base: Base) -> GettingStarted:
    settings, services = base.settings, base.services
    settings_for = {
        "zone": settings.timezone != type(settings).model_fields["timezone"].default,
        "mail": services[MailOutbox].is_on,
        "backups": services[Backups].is_on,
    }
    return GettingStarted(
        base.database,
        base.clock,
        base.runtime,
        settings_for,
        host_of(settings.public_url),
        services[CountingServices].listeners,
        base.signals.first_page_stored.send,
    )
