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

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.core.i18n import N_
from koyjabo.base.models import (
    IN_BACKUPS,
    OWN_ID,
    PAIR_LOSS,
    PAIR_MERGE,
    BigKey,
    ByKey,
    Day,
    Model,
    ScopeId,
    Uuid,
    Word,
    partial_index,
)

HAS_USER = "user_id IS NOT NULL"

MONTHLY_PREFIX = "~~"
"""The beginning of the ids of reduced visits. No visitor can send such an id, and no erased visitor has such a name."""

ON_SITE, IN_COMMUNITY = 1, 2
"""Bits of `new_in`: the visit is the visitor's first on the site, or in its community."""

KEEP_COLUMN, REDUCE_COLUMN = {"forgotten": "kept"}, {"forgotten": "reduced"}
"""How a column of `visits` is treated when its visitor is erased or was anonymous: it is kept, or reduced by a rule for
this column. All other columns are cleared (CLEARED_COLUMNS).
"""

START_TOTAL, SET_TOTAL, ROLLED_BACK_TOTAL = ADJUSTMENT_KINDS = ("start", "set", "rolled_back")
"""Kinds of adjustments. START_TOTAL is STARTING_TOTAL. SET_TOTAL is a total set by hand, or a restore or repair, which
begins an epoch but keeps the total. ROLLED_BACK_TOTAL are visits lost when the database was rolled back.
"""

MERGE_USERS = """
UPDATE visitors t SET user_id = gone.user_id FROM later JOIN visitors gone ON gone.ctid = later.place
WHERE t.ctid = later.kept AND t.user_id IS NULL AND gone.user_id IS NOT NULL
"""
MERGE_DAYS = """
, days AS (
    DELETE FROM person_days d USING later, people kept, people gone
    WHERE kept.ctid = later.kept AND gone.ctid = later.place AND d.person_id IN (kept.id, gone.id)
    RETURNING kept.id, d.day, d.began_s, d.slots
)
INSERT INTO person_days (person_id, day, began_s, slots)
SELECT id, day, min(began_s), bit_or(slots) FROM days GROUP BY id, day
"""

PAGEVIEW = "pageview"
"""The name of events that are page views."""

COLUMN_LABEL = "label"
"""Key in a column's `info` for its label on a visit's page, unless the page shows the column separately."""


class Person(Model):
    """A person who was in a community: a user (`u:` plus id) or a visitor without an account (`v:` plus id)."""

    __tablename__ = "people"
    __table_args__ = (
        Index("uq_people_scope_person", "scope", "person", unique=True),
        {"info": {PAIR_MERGE: MERGE_DAYS}},
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    scope: Mapped[ScopeId]
    person: Mapped[str] = mapped_column(String(130))
    last_day: Mapped[Day]  # the last day they were there


class PersonDay(ByKey, Model):
    """A day when a person was in a community, and the hours they were there."""

    __tablename__ = "person_days"

    person_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("people.id"), primary_key=True)
    day: Mapped[Day] = mapped_column(primary_key=True)
    began_s: Mapped[int]  # start of the day, s since 1970 UTC, in TIMEZONE at that time
    slots: Mapped[int]  # one bit per local hour, counted in half hours from `began_s`


class Return(Model):
    """The number of people who came on `day` and had last been there on `previous_day` (`""` if it was their first
    day). Adding up a range's rows whose previous day is before the range gives the exact number of distinct people
    in it.
    """

    __tablename__ = "returns"
    __table_args__ = (
        partial_index("ix_returns_first", "scope", "anonymous", where="previous_day = ''"),
        {"sqlite_with_rowid": False},
    )

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    day: Mapped[Day] = mapped_column(primary_key=True)
    previous_day: Mapped[Day] = mapped_column(primary_key=True)
    authenticated: Mapped[int]
    anonymous: Mapped[int]


class HourlyPeople(ByKey, Model):
    """The number of people in a community in one local hour."""

    __tablename__ = "hourly_people"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    hour_s: Mapped[int] = mapped_column(primary_key=True)  # start of the local hour, s since 1970 UTC
    authenticated: Mapped[int]
    anonymous: Mapped[int]


class Visit(Model):
    """One registered visit. The `id` numbers visits 1, 2, … without gaps."""

    __tablename__ = "visits"
    __table_args__ = (
        Index("uq_visits_visitor_visit", "visitor_id", "visit_id", unique=True, info={PAIR_LOSS: {"visit_id": OWN_ID}}),
        partial_index("ix_visits_community", "scope", "id", where="scope <> 'site'"),
        partial_index("ix_visits_user", "user_id", "id", where=HAS_USER),
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False, info=KEEP_COLUMN)
    # The number returned to the visitor: the id plus all adjustments up to that point.
    ordinal: Mapped[int] = mapped_column(info=KEEP_COLUMN)
    scope: Mapped[ScopeId] = mapped_column(info=KEEP_COLUMN)  # a community's visit also counts for the site
    # A random name ("~…") after the visitor is erased; a month's random id ("~~…") after the visit is reduced.
    visitor_id: Mapped[str] = mapped_column(String(128), info=REDUCE_COLUMN)
    # The id that the client gave the visit, or a generated one ("~…").
    visit_id: Mapped[str] = mapped_column(String(128), info=REDUCE_COLUMN)
    at_ms: Mapped[int] = mapped_column(info=KEEP_COLUMN)
    # The day the visit was counted on. Changing TIMEZONE does not change it.
    day: Mapped[Day] = mapped_column(info=KEEP_COLUMN)
    hour_s: Mapped[int] = mapped_column(info=KEEP_COLUMN)  # start of its local hour, s since 1970 UTC
    # The client's clock: stored, but not trusted. It is cleared because an unusual clock could identify a browser.
    client_ms: Mapped[int | None]
    place: Mapped[str] = mapped_column(info=KEEP_COLUMN)
    referrer: Mapped[str | None] = mapped_column(info=REDUCE_COLUMN)
    user_agent: Mapped[str | None] = mapped_column(info=REDUCE_COLUMN)
    page: Mapped[str | None] = mapped_column(info=KEEP_COLUMN)
    # The user, if the request identified one; or DELETED.
    user_id: Mapped[Uuid | None] = mapped_column(info=REDUCE_COLUMN)
    is_bot: Mapped[bool] = mapped_column(server_default=false(), info=KEEP_COLUMN)  # a declared crawler
    # The first language of the Accept-Language header: "bn".
    language: Mapped[str | None] = mapped_column(String(8), info=KEEP_COLUMN | {COLUMN_LABEL: N_("Language")})
    # The utm_ parameters of the page, as a query string.
    campaign: Mapped[str | None] = mapped_column(info=REDUCE_COLUMN | {COLUMN_LABEL: N_("Campaign")})
    # The visit's number within its day; None if unknown.
    day_number: Mapped[int | None] = mapped_column(Integer, info=KEEP_COLUMN)
    # How long the browser has shown the page, ms; None if this was not measured.
    attended_ms: Mapped[int | None] = mapped_column(info=KEEP_COLUMN)
    acted: Mapped[bool] = mapped_column(server_default=false(), info=KEEP_COLUMN)  # there was real user input
    automated: Mapped[bool] = mapped_column(server_default=false(), info=KEEP_COLUMN)  # a program drives the browser
    # Who owns the address: `datacentre` or `other`; None if unknown.
    network: Mapped[str | None] = mapped_column(String(10), info=KEEP_COLUMN)
    own: Mapped[bool] = mapped_column(server_default=false(), info=KEEP_COLUMN)  # a visit by the operators
    # How long the visit waited to be sent, as measured by the client, ms; None if unknown.
    waited_ms: Mapped[int | None] = mapped_column(info=KEEP_COLUMN)
    # Only for reduced visits (`upkeep.retention.reduction_queries`): the id of one visit with this `visitor_id`, the
    # same for all of them; and where the visit was its visitor's first (ON_SITE, IN_COMMUNITY), because its visitor is
    # no longer listed.
    visitor_number: Mapped[int | None] = mapped_column(info=KEEP_COLUMN)
    new_in: Mapped[int | None] = mapped_column(Integer, info=KEEP_COLUMN)


CLEARED_COLUMNS: dict[str, Any] = {
    column.name: None for column in Visit.__table__.columns if "forgotten" not in column.info
}
"""Values that clear a visit's other columns."""


class ForgottenVisitors(ByKey, Model):
    """Number of unique visitors in a scope whose rows in `visitors` were deleted, because all their visits there are
    reduced. It is one lower for each visitor who has two rows while being renamed (`upkeep.erasure.erasure_queries`).
    """

    __tablename__ = "forgotten_visitors"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    visitors: Mapped[int]


class Visitor(Model):
    """A visitor's first visit in a scope. One row per visitor, to count unique visitors."""

    __tablename__ = "visitors"
    __table_args__ = (
        partial_index("ix_visitors_user", "user_id", where=HAS_USER),
        {"sqlite_with_rowid": False, "info": {PAIR_MERGE: MERGE_USERS}},
    )

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    first_visit: Mapped[int]  # visits.id
    user_id: Mapped[Uuid | None]  # the user they became, for visits without a user


class DailyVisits(ByKey, Model):
    """The number of visits in a scope on one local day."""

    __tablename__ = "daily_visits"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    day: Mapped[Day] = mapped_column(primary_key=True)
    visits: Mapped[int]
    new_visitors: Mapped[int]


class HourlyVisits(ByKey, Model):
    """The number of visits in a scope in one local hour."""

    __tablename__ = "hourly_visits"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    hour_s: Mapped[int] = mapped_column(primary_key=True)  # start of the local hour, s since 1970 UTC
    visits: Mapped[int]
    new_visitors: Mapped[int]


class Adjustment(Model):
    """A change to the total that no visit caused. This is the only permitted gap between visit numbers (specification:
    Storage).
    """

    __tablename__ = "adjustments"

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    scope: Mapped[ScopeId]
    at_ms: Mapped[int]
    after_visit: Mapped[int]  # the latest visits.id at that time
    total_before: Mapped[int]
    total_after: Mapped[int]
    epoch: Mapped[int]  # the epoch from here on
    reason: Mapped[str]
    kind: Mapped[Word] = mapped_column(server_default="set")  # an entry of ADJUSTMENT_KINDS
    # The previous epoch, if its visit numbers stay valid; otherwise None.
    epoch_before: Mapped[int | None]


class Watermark(ByKey, Model):
    """How far rows have been read into blocks, and how many changes there have been since
    (`columns.blocks.block_queries`).
    """

    __tablename__ = "watermarks"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    upto: Mapped[int]
    version: Mapped[int] = mapped_column(Integer)  # version of the rules


class Event(Model):
    """A visitor's action on a page, or a page view. It loses its person with its visit, or after RETENTION_DAYS
    (`upkeep.retention.reduction_queries`).
    """

    __tablename__ = "events"
    __table_args__ = (
        Index(
            "uq_events_visitor_event",
            "visitor_id",
            "event_id",
            unique=True,
            info={PAIR_LOSS: {"event_id": OWN_ID}},
        ),
        Index("ix_events_visit", "visit_id"),
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128))
    event_id: Mapped[str] = mapped_column(String(128))  # the client's id for the event
    visit_id: Mapped[int | None]  # the visitor's latest visit at that time
    scope: Mapped[ScopeId]  # the visit's scope
    at_ms: Mapped[int]
    day: Mapped[Day]
    hour_s: Mapped[int]
    client_ms: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(64))
    page: Mapped[str | None]
    props: Mapped[str | None]  # a JSON object whose values are strings


class DaySecret(Model):
    """The secret for hashing one day's anonymous visitors (`counting.anonymity`). Not included in backups."""

    __tablename__ = "day_secrets"
    __table_args__ = {"sqlite_with_rowid": False, "info": {IN_BACKUPS: False}}

    day: Mapped[Day] = mapped_column(primary_key=True)
    secret: Mapped[str]  # hexadecimal


class ClockState(Model):
    """What is uncertain about the system's clock, for all workers and servers (`counting.clock_watch`): a `doubt`, a
    clock that went `ahead`, or the `answer` to a doubt.
    """

    __tablename__ = "clock_states"
    __table_args__ = {"sqlite_with_rowid": False, "info": {IN_BACKUPS: False}}

    name: Mapped[Word] = mapped_column(primary_key=True)
    at_ms: Mapped[int]  # when it began, or was answered, by the system's clock; 0 if it is over
    known_ms: Mapped[int]  # the latest time that was known for certain, or that time has gone on to
    waited_ms: Mapped[int]  # how long it has lasted, by monotonic clocks
    visit: Mapped[int]  # the newest visit when the doubt began
    answer: Mapped[Word]  # `clock` or `visits`, whichever is right


class StoredMilestone(Model):
    """A milestone, stored in the transaction of the visit that reaches it. `key` keeps workers and retries from
    storing it twice.
    """

    __tablename__ = "announcements"
    __table_args__ = (Index("ix_announcements_scope", "scope", "at_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(140), primary_key=True)  # "milestone:site:10000"
    type: Mapped[str] = mapped_column(String(64))  # "milestone.reached"
    scope: Mapped[ScopeId]
    at_ms: Mapped[int]
    data: Mapped[str]  # JSON
