"""Deletes an account at its owner's request."""

import time

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import NotYetForgotten
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.database.throttle import Throttle
from koyjabo.columns.columns import Columns
from koyjabo.people.audit.log import Actor, Subject
from . import deletion_queries

DELETION_PATIENCE_S = 5.0
"""Time limit for one request that deletes an account, s. An account with a few visits a day over several years is
deleted within milliseconds.
"""

DELETED_USER = Subject("user", "", "")
"""Subject of the audit entry, which must not identify the deleted user."""

DELETION_ACTIONS = {"user.delete": N_("Account deleted")}


class PersonalData:
    """Deletes accounts. After an account is deleted, the signal `access_revoked` is sent. All methods raise
    LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._columns = base.services[Columns]
        self._on_revoked = base.signals.access_revoked.send

    def only_admin_of(self, account: Account, language: str) -> dict[str, str]:
        """The communities that must be deleted or get another admin before the account can be deleted, as names in a
        language by id.
        """
        return self._database.read(deletion_queries.blocks_deletion, account.id, language)

    def delete(self, account: Account) -> None:
        """Delete an account, and end its sessions and sockets. Its visits stay, and no numbers change. The caller
        verifies the password first.

        Raises LastAdmin for the last admin of the site or of a community, and InvalidToken if the account is already
        deleted. Raises NotYetForgotten after DELETION_PATIENCE_S if rows are left; the next call continues.
        """
        by = Actor("", "", "", self._clock.now_ms())  # without a location, because the log must not identify the user
        name, throttle, began = deletion_queries.random_name(), Throttle(self._database), time.monotonic()
        self._database.write(deletion_queries.lock, account.id)  # checks, before anything changes
        self._strip_records(throttle, account)
        while not throttle.do(
            deletion_queries.delete_account,
            *(self._columns, account.id, name, by.at_ms),
            audit=lambda is_deleted: by.entry("user.delete", DELETED_USER) if is_deleted else None,
        ):
            if time.monotonic() - began > DELETION_PATIENCE_S:
                raise NotYetForgotten(
                    N_("Deleting this account takes several requests. Repeat the request until it succeeds.")
                )
        self._on_revoked(account.id)
        while throttle.do(deletion_queries.detach, self._columns, account.id, name):
            pass  # rows added while the account was being deleted
        self._strip_records(throttle, account)

    def _strip_records(self, throttle: Throttle, account: Account) -> None:
        """Remove the user from the audit log."""
        for rules, ids in self._database.report(deletion_queries.records_about, account.id, account.name):
            while ids:
                ids = throttle.do(rules.strip_records, ids)
