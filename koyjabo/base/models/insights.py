"""Tables for reports: visits and events stored by column, events, share links and notes."""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from .accounts import Community, User
from .columns import (
    BigKey,
    ByKey,
    CommunityId,
    Day,
    Digest,
    Model,
    Name,
    ScopeId,
    UserId,
    Uuid,
    related,
)


class _Block:
    """Rows with consecutive ids, compressed (`reports.log.blocks`). `first` follows the last id of the previous
    block.
    """

    first: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
    first_day: Mapped[Day]
    last_day: Mapped[Day]
    packed: Mapped[bytes]


class VisitBlock(_Block, Model):
    """Visits with their parsed values. When a visit is changed or removed, the same transaction updates its block."""

    __tablename__ = "visit_blocks"


class EventBlock(_Block, Model):
    """Page views and events."""

    __tablename__ = "event_blocks"


class Watermark(ByKey, Model):
    """How far rows have been read into blocks, and how many changes there have been since
    (`reports.log.block_queries`).
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
        Index("uq_events_visitor_event", "visitor_id", "event_id", unique=True),
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


class PageSum(ByKey, Model):
    """The views of a page on the whole site, up to the marks `page_visits` and `page_events` in `watermarks`. Later
    views are only in `visits` and `events` (`koyjabo.counting.page_numbers`).
    """

    __tablename__ = "page_sums"

    page: Mapped[str] = mapped_column(primary_key=True)
    views: Mapped[int]
    day: Mapped[Day]  # the latest day with views
    day_views: Mapped[int]  # the views of that day


class Share(Model):
    """A link that shows reports to anyone who has it."""

    __tablename__ = "shares"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    name: Mapped[Name]
    filters: Mapped[str]  # JSON: lists of values by dimension
    range: Mapped[str | None] = mapped_column(String(32))
    password: Mapped[str | None]  # Argon2 hash with its parameters
    created_ms: Mapped[int]
    created_by: Mapped[UserId] = mapped_column(index=True)
    expires_ms: Mapped[int | None]
    used_ms: Mapped[int | None]  # when the link was last opened, to the minute
    community_id: Mapped[CommunityId | None] = mapped_column(index=True)  # the only community that it shows
    community: Mapped[Community | None] = related()
    maker: Mapped[User] = related()
