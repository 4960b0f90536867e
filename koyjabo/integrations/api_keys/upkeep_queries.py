"""What happens to API keys when their maker's account is deleted or taken over."""

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import change_in_database
from koyjabo.base.database.upkeep_rules import UpkeepRules
from .models import ApiKey


class ApiKeyRules(UpkeepRules):
    def release_account(self, session: Session, user_id: str) -> None:
        keys = update(ApiKey).where(ApiKey.created_by == user_id).values(created_by=None)
        change_in_database(session, keys)

    def revoke_created_by(self, session: Session, user_id: str) -> None:
        # The site's keys stay, because they belong to the operator.
        keys = delete(ApiKey).where(ApiKey.created_by == user_id, ApiKey.community_id.is_not(None))
        change_in_database(session, keys)
