"""Removes expired share links, and those that the previous user of an account made."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import change_in_database
from koyjabo.base.database.upkeep_rules import UpkeepRules, expiring
from .models import Share

SHARES_KEPT_MS = 30 * 86_400_000
"""How long an expired link stays in the list of share links, ms."""


class ShareRules(UpkeepRules):
    expiring = (expiring(Share.id, SHARES_KEPT_MS),)

    def revoke_created_by(self, session: Session, user_id: str) -> None:
        change_in_database(session, delete(Share).where(Share.created_by == user_id))
