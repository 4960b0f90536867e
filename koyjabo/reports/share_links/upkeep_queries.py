"""What happens to share links when their maker's account is taken over."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import UpkeepRules
from .models import Share


def revoke_made_by(session: Session, user_id: str) -> None:
    shares = delete(Share).where(Share.created_by == user_id)
    session.execute(shares.execution_options(synchronize_session=False))


RULES = UpkeepRules(revoke_made_by=revoke_made_by)
