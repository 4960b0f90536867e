"""Builds the services of one's own account."""

from __future__ import annotations

from koyjabo.accounts.email_links import EmailLinks
from koyjabo.application.base import Base
from koyjabo.application.services import OwnAccountServices
from koyjabo.own_account.deletion import AccountDeletion
from koyjabo.own_account.export import AccountExport
from koyjabo.own_account.profile import Profile


def own_account(base: Base, email_links: EmailLinks) -> OwnAccountServices:
    database, clock = base.database, base.clock
    return OwnAccountServices(
        profile=Profile(database, clock, email_links),
        export=AccountExport(database, clock),
        deletion=AccountDeletion(database, clock, base.signals.access_revoked.send),
    )
