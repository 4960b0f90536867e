"""What happens to a subscription when its account is taken over."""

from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import UpkeepRules
from . import queries


class WeeklyReportRules(UpkeepRules):
    def revoke_created_by(self, session: Session, user_id: str) -> None:
        queries.subscribe(session, user_id, False)
