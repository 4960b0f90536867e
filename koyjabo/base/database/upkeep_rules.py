"""What features say about their rows, each in its `upkeep_queries.py`. Other features call these functions in their own
transactions, without knowing whose rows they are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepRules:
    """The rules for one feature's rows."""

    revoke_made_by: Callable[[Session, str], None] | None = None
    """Revokes what a user has made and others may use, when someone else takes the account over."""


_RULES: list[UpkeepRules] = []


def use(rules: Iterable[UpkeepRules]) -> None:
    """Replace all rules. They are in the order of the features."""
    _RULES[:] = rules


def revoke_made_by(session: Session, user_id: str) -> None:
    """Revoke what a user has made in all features, the latest feature first."""
    for rules in reversed(_RULES):
        if rules.revoke_made_by:
            rules.revoke_made_by(session, user_id)
