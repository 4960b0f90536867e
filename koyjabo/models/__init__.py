"""The tables. `visits` is the truth; the others are derived from it in the transaction that writes it.

Times are ms since 1970-01-01 UTC by the server's clock unless a name says otherwise; days are `YYYY-MM-DD` in TIMEZONE.
"""

from koyjabo.models.accounts import AccessVersion, Community, LoginFailures, LoginSession, Membership, User
from koyjabo.models.columns import SITE, Scope
from koyjabo.models.ledger import (
    Adjustment,
    Counter,
    DailyVisits,
    FoldedVisits,
    ForgottenVisitors,
    HourlyVisits,
    ImportedVisits,
    Visit,
    Visitor,
)
from koyjabo.models.people import Conversion, HourlyPeople, Peak, Person, PersonDay, Return
from koyjabo.models.upkeep import AuditLine, NightlyWork

__all__ = [
    "SITE",
    "AccessVersion",
    "Adjustment",
    "AuditLine",
    "Community",
    "Conversion",
    "Counter",
    "DailyVisits",
    "FoldedVisits",
    "ForgottenVisitors",
    "HourlyPeople",
    "HourlyVisits",
    "ImportedVisits",
    "LoginFailures",
    "LoginSession",
    "Membership",
    "NightlyWork",
    "Peak",
    "Person",
    "PersonDay",
    "Return",
    "Scope",
    "User",
    "Visit",
    "Visitor",
]
