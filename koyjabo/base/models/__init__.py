"""The database schema. `visits` is the source of truth; all sums are derived from it in the same transaction.

- `counters`: the newest values of each scope. Each batch locks the site's row.
- `visitors`: each visitor's first visit in each scope. That is enough to count unique visitors.
- `daily_visits`, `hourly_visits`: sums by day and hour of TIMEZONE.
- `people`, `person_days`: the days each person was in a community, with one bit per hour. A person is a user, or a
  visitor who has not been identified as a user there.
- `returns`: how many people came on a day, grouped by the day they last came before. Adding up those whose previous day
  is before a range gives the exact number of distinct people in it. A day added late (after the clock was set back or
  two people were merged) also changes that person's next day.
- `hourly_people`: people by hour. Visits, members' sockets and conversions all change these tables by the same rules,
  under the same lock.
- `attendance`: the newest spans of a visit whose page a browser showed (`koyjabo.counting.evidence`).
- `adjustments`: changes to totals that no visit caused. A visit's `ordinal` is its `id` plus the adjustments before it.
- `forgotten_visitors`: the number of visitors whose rows were deleted. The number of unique visitors is the remaining
  rows plus this number, so a recount gives the same result before and after a deletion. Visits are never deleted:
  erasing a visitor renames its rows, and so does reducing old visits.

Unless a name says otherwise, times are ms since 1970-01-01 UTC by the server's clock. Days are `YYYY-MM-DD` in
TIMEZONE.
"""

from .accounts import (
    AccessVersion,
    Community,
    EmailLink,
    Invitation,
    LoginFailures,
    LoginSession,
    MailBudget,
    Membership,
    OutboxMail,
    PanelInvitation,
    PendingStep,
    RecoveryCode,
    SpentCode,
    TotpSecret,
    User,
)
from .columns import SITE, Scope
from .insights import (
    Event,
    EventBlock,
    PageSum,
    Share,
    VisitBlock,
    Watermark,
)
from .integrations import ApiKey
from .ledger import (
    Adjustment,
    Attendance,
    Conversion,
    Counter,
    DailyVisits,
    ForgottenVisitors,
    HourlyPeople,
    HourlyVisits,
    Peak,
    Person,
    PersonDay,
    Return,
    Visit,
    Visitor,
)
from .upkeep import (
    Announcement,
    AuditLine,
    DatabaseIdentity,
    DaySecret,
    MonthSecret,
    NightlyWork,
    StartingStep,
    StoredSetting,
)

__all__ = [
    "SITE",
    "AccessVersion",
    "Adjustment",
    "Announcement",
    "ApiKey",
    "Attendance",
    "AuditLine",
    "Community",
    "Conversion",
    "Counter",
    "DailyVisits",
    "DatabaseIdentity",
    "DaySecret",
    "EmailLink",
    "Event",
    "EventBlock",
    "ForgottenVisitors",
    "HourlyPeople",
    "HourlyVisits",
    "Invitation",
    "LoginFailures",
    "LoginSession",
    "MailBudget",
    "Membership",
    "MonthSecret",
    "NightlyWork",
    "OutboxMail",
    "PageSum",
    "PanelInvitation",
    "Peak",
    "PendingStep",
    "Person",
    "PersonDay",
    "RecoveryCode",
    "Return",
    "Scope",
    "Share",
    "SpentCode",
    "StartingStep",
    "StoredSetting",
    "TotpSecret",
    "User",
    "Visit",
    "VisitBlock",
    "Visitor",
    "Watermark",
]
