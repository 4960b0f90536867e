"""What happens to conversions when visits are reduced."""

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.database.upkeep_rules import UpkeepRules
from koyjabo.counting.models import MONTHLY_PREFIX

REDUCE_CONVERSIONS = f"""
UPDATE conversions SET visitor_id = '{MONTHLY_PREFIX}' || id, user_id = '{DELETED_ID}', first_visit = (
    SELECT w.first_visit FROM visitors w WHERE w.scope = conversions.scope AND w.visitor_id = conversions.visitor_id)
"""
REDUCE_CONVERSIONS_OF_VISITORS = text(f"{REDUCE_CONVERSIONS} WHERE scope = :scope AND visitor_id IN :visitor_ids")
REDUCE_CONVERSIONS_OF_VISITORS = REDUCE_CONVERSIONS_OF_VISITORS.bindparams(bindparam("visitor_ids", expanding=True))
REDUCE_OLD_CONVERSIONS = text(f"""
{REDUCE_CONVERSIONS} WHERE id IN (
    SELECT id FROM conversions WHERE at_ms < :before_ms AND visitor_id NOT LIKE '{MONTHLY_PREFIX}%' LIMIT :size)
""")


class ConversionRules(UpkeepRules):
    """A conversion keeps its time and its first visit, and loses its person."""

    def reduce_visitors(self, session: Session, scope: str, visitor_ids: list[str]) -> None:
        session.execute(REDUCE_CONVERSIONS_OF_VISITORS, {"scope": scope, "visitor_ids": visitor_ids})

    def reduce_rows(self, session: Session, before_ms: int, size: int) -> int:
        return changed_rows(session, REDUCE_OLD_CONVERSIONS, {"before_ms": before_ms, "size": size})
