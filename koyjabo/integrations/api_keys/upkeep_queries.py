"""What happens to API keys when their maker's account is deleted or taken over."""

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import UpkeepRules
from .models import ApiKey


class ApiKeyRules(UpkeepRules):
    def release_account(self, session: Session, user_id: str) -> None:
        keys = update(ApiKey).where(ApiKey.created_by == user_id).values(created_by=None)
        session.execute(keys, execution_options={"synchronize_session": False})

    def revoke_created_by(self, session: Session, user_id: str) -> None:
        # The site's keys stay, because they belong to the operator.
        keys = delete(ApiKey).where(ApiKey.created_by == user_id, ApiKey.community_id.is_not(None))
        session.execute(keys.execution_options(synchronize_session=False))
