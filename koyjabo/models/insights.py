"""What Insights reads: the parsed values of visits, page views and events, their sums, and what admins made of them.

`traits`, `addresses`, `visitor_numbers`, `visit_facts` and `insight_sums` are a projection of `visits` and `events`:
everything in them can be thrown away and made again (`koyjabo.reports.projection`), but for the days whose visits are
folded.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.models.columns import BigKey, Model


class Traits(Model):
    """One combination of parsed values that visits have in common. None: not recorded."""

    __tablename__ = "traits"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(32), unique=True)  # of all values below
    browser: Mapped[str | None] = mapped_column(Text)
    system: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(String(16))  # bot, tablet, phone or desktop
    language: Mapped[str | None] = mapped_column(String(8))
    source: Mapped[str | None] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(String(16))
    utm_source: Mapped[str | None] = mapped_column(Text)
    utm_medium: Mapped[str | None] = mapped_column(Text)
    utm_campaign: Mapped[str | None] = mapped_column(Text)
    utm_term: Mapped[str | None] = mapped_column(Text)
    utm_content: Mapped[str | None] = mapped_column(Text)
    country: Mapped[str | None] = mapped_column(String(2))
    city: Mapped[str | None] = mapped_column(Text)


class Address(Model):
    """A page or a referrer, stored once."""

    __tablename__ = "addresses"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    text: Mapped[str] = mapped_column(Text, unique=True)


class VisitFact(Model):
    """A visit with its parsed values, narrow enough to read millions of rows. Deleted with its visit."""

    __tablename__ = "visit_facts"

    visit_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    visitor: Mapped[int] = mapped_column(BigInteger)  # the visitor's first visit on the site: a number for the person
    day: Mapped[int] = mapped_column(Integer)  # days since 1970-01-01 of `visits.day`
    hour_s: Mapped[int] = mapped_column(BigInteger)
    scope: Mapped[str] = mapped_column(String(64))
    new_in: Mapped[int] = mapped_column(SmallInteger)  # bits: 1 new on the site, 2 new in its own scope
    traits_id: Mapped[int] = mapped_column(Integer)
    page_id: Mapped[int | None] = mapped_column(Integer)
    referrer_id: Mapped[int | None] = mapped_column(Integer)


class VisitorNumber(Model):
    """The numbers 1, 2, … of visitors in bitmaps: they are small there because these numbers have no gaps."""

    __tablename__ = "visitor_numbers"

    first_visit: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)  # on the site
    number: Mapped[int] = mapped_column(BigInteger)


class InsightSum(Model):
    """Sums of one value of a dimension in a period of a scope, up to the watermark of their projection.

    `koyjabo.reports.projection.additions` says how dimensions, periods and values are written.
    """

    __tablename__ = "insight_sums"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    dimension: Mapped[str] = mapped_column(String(140), primary_key=True)  # also `event:{name}:{property}`
    period: Mapped[str] = mapped_column(String(10), primary_key=True)  # a day, or the beginning of an hour, s
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)  # page views or events, of dimensions that count these
    visitors: Mapped[int | None] = mapped_column(BigInteger)  # distinct ones; None if unknown
    people: Mapped[bytes | None] = mapped_column(LargeBinary)  # their numbers (`projection.people`); None once folded


class Watermark(Model):
    """Up to which row a projection has read its table, and other numbers of the kind (`projection.state_queries`)."""

    __tablename__ = "watermarks"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    upto: Mapped[int] = mapped_column(BigInteger)  # an id
    version: Mapped[int] = mapped_column(Integer)  # of the rules; rows of other rules are made again


class Event(Model):
    """Something that a visitor did on a page, or a page view. Stored RETENTION_DAYS; their sums for ever."""

    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_visitor_event", "visitor_id", "event_id", unique=True),
        Index("ix_events_visit", "visit_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128))
    event_id: Mapped[str] = mapped_column(String(128))  # the client's
    visit_id: Mapped[int | None] = mapped_column(BigInteger)  # the visitor's newest visit at that time
    scope: Mapped[str] = mapped_column(String(64))  # that of the visit
    at_ms: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[str] = mapped_column(String(10))
    hour_s: Mapped[int] = mapped_column(BigInteger)
    client_ms: Mapped[int | None] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(64))
    page: Mapped[str | None] = mapped_column(Text)
    props: Mapped[str | None] = mapped_column(Text)  # JSON, an object of texts


class EventSum(Model):
    """How many page views or events there were, by value, in a period of a scope. Written with the events.

    `koyjabo.reports.events.event_plan` says which values the dimensions count.
    """

    __tablename__ = "event_sums"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    dimension: Mapped[str] = mapped_column(String(140), primary_key=True)
    period: Mapped[str] = mapped_column(String(10), primary_key=True)  # a day, or the beginning of an hour, s
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class Share(Model):
    """A link that shows Insights to its holders."""

    __tablename__ = "shares"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    filters: Mapped[str] = mapped_column(Text)  # JSON: lists of values by dimension
    range: Mapped[str | None] = mapped_column(String(32))
    password: Mapped[str | None] = mapped_column(Text)  # Argon2 hash with its parameters
    created_ms: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_ms: Mapped[int | None] = mapped_column(BigInteger)
    used_ms: Mapped[int | None] = mapped_column(BigInteger)  # when it was last opened, to the minute
    community_id: Mapped[str | None] = mapped_column(  # the one community that it shows
        String(36), ForeignKey("communities.id", ondelete="CASCADE"), index=True
    )


class Annotation(Model):
    """A note of an admin at a day of the charts."""

    __tablename__ = "annotations"
    __table_args__ = (Index("ix_annotations_scope_day", "scope", "day"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    day: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(String(200))
    created_ms: Mapped[int] = mapped_column(BigInteger)
