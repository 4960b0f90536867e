"""What happens to API keys when their maker's account is deleted or taken over."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import UpkeepRules
from .models import ApiKey


def revoke_made_by(session: Session, user_id: str) -> None:
    """Delete a user's keys of communities. The site's keys stay, because they belong to the operator."""
    keys = delete(ApiKey).where(ApiKey.created_by == user_id, ApiKey.community_id.is_not(None))
    session.execute(keys.execution_options(synchronize_session=False))


RULES = UpkeepRules(revoke_made_by=revoke_made_by)
