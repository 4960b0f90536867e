"""Removes expired sessions, failed logins, invitations and links, and revokes them after a restore."""

from sqlalchemy import Connection, delete, exists, update

from koyjabo.base.database.upkeep_rules import UpkeepRules, expiring
from koyjabo.people.models import User
from .models import EmailLink, Invitation, LoginFailures, LoginSession, PanelInvitation


class AccountRules(UpkeepRules):
    # A session that ended early stays until its tokens expire, so that they are recognised.
    expiring = tuple(
        map(expiring, (Invitation.id, PanelInvitation.id, EmailLink.id, LoginSession.id, LoginFailures.account))
    )
    signs_of_use = (exists().where(User.is_admin.is_(False)), exists().where(LoginSession.id.is_not(None)))

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        connection.execute(update(LoginSession).where(LoginSession.revoked_ms.is_(None)).values(revoked_ms=now_ms))
        for links in (EmailLink, Invitation, PanelInvitation):  # these may have been used or revoked since the backup
            connection.execute(delete(links))
