"""Deletes an account at its owner's request. Its visits stay, and no numbers change."""

from __future__ import annotations

import time
from collections.abc import Callable

from koyjabo.audit.log import CHANGES, Actor, Subject
from koyjabo.core.clock import Clock
from koyjabo.core.errors import NotYetForgotten
from koyjabo.core.i18n import N_
from koyjabo.core.identity import Account
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.throttle import Throttle
from koyjabo.personal_data import deletion_queries
from koyjabo.personal_data.deletion_queries import Managed

PATIENCE_S = 5.0
"""Time limit for one request, s. An account with a few visits a day over several years is deleted within
milliseconds.
"""

DELETED_USER = Subject("user", "", "")
"""Subject of the audit entry, which must not identify the deleted user."""

CHANGES |= {
    "user.export": N_("Own data exported"),
    "user.delete": N_("Account deleted"),
}


class AccountDeletion:
    """Deletes accounts. After the commit, `on_revoked` is called with the user's id. All methods raise
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._database = database
        self._clock = clock
        self._on_revoked = on_revoked

    def only_admin_of(self, account: Account) -> list[Managed]:
        """The communities that must first be deleted or get another admin."""
        return self._database.read(deletion_queries.only_admin_of, account.id)

    def delete(self, account: Account) -> None:
        """Delete an account, and end its sessions and sockets. The caller verifies the password first.

        Raises LastAdmin for the last admin of the site or of a community, and InvalidToken if the account is already
        deleted. Raises NotYetForgotten after PATIENCE_S if rows are left; the next call continues.
        """
        by = Actor("", "", "", self._clock.now_ms())  # without a location, because the log must not identify the user
        name, throttle, began = deletion_queries.random_name(), Throttle(self._database), time.monotonic()
        self._database.write(deletion_queries.check, account.id)  # before anything changes
        self._strip_records(throttle, account)
        while not throttle.do(
            deletion_queries.delete_account,
            *(account.id, name, by.at_ms),
            audit=lambda is_deleted: by.entry("user.delete", DELETED_USER) if is_deleted else None,
        ):
            if time.monotonic() - began > PATIENCE_S:
                raise NotYetForgotten(
                    N_("Deleting this account takes several requests. Repeat the request until it succeeds.")
                )
        self._on_revoked(account.id)
        while throttle.do(deletion_queries.detach, account.id, name):
            pass  # rows added while the account was being deleted
        self._strip_records(throttle, account)

    def _strip_records(self, throttle: Throttle, account: Account) -> None:
        """Remove the user from the audit log and from webhook events."""
        lines = self._database.report(deletion_queries.lines_about, account.id, account.name)
        while lines:
            lines = throttle.do(deletion_queries.strip_lines, lines)
        events = self._database.report(deletion_queries.events_about, account.id)
        while events:
            events = throttle.do(deletion_queries.strip_events, events)
