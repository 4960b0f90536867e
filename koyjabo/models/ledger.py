"""The truth and the sums derived from it in the transaction that writes it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.extensions import db
from koyjabo.models.columns import BigKey


class Counter(db.Model):  # type: ignore[name-defined]
    """The newest figures of a scope. Its row is locked for a batch, which is what makes ordinals gapless."""

    __tablename__ = "counters"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)  # ms; base-36 on the wire
    visits: Mapped[int] = mapped_column(BigInteger)  # rows ever written; for the site, also the newest visits.id
    total: Mapped[int] = mapped_column(BigInteger)  # the newest ordinal: visits plus all adjustments
    unique_visitors: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)  # hybrid clock of the newest commit (specification: Words)


class Visit(db.Model):  # type: ignore[name-defined]
    """One registered opening of the app, numbered 1, 2, … without a gap by `id`."""

    __tablename__ = "visits"
    __table_args__ = (
        Index("uq_visits_visitor_visit", "visitor_id", "visit_id", unique=True),
        Index(
            "ix_visits_community",
            "scope",
            "id",
            sqlite_where=text("scope <> 'site'"),
            postgresql_where=text("scope <> 'site'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(BigInteger)  # what the visitor was told: id plus the adjustments of its time
    scope: Mapped[str] = mapped_column(String(64))  # a community's visit counts for the site too
    visitor_id: Mapped[str] = mapped_column(String(128))
    visit_id: Mapped[str] = mapped_column(String(128))  # the client's name for it, or one we made up ("~…")
    at_ms: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[str] = mapped_column(String(10))  # where it was counted, should TIMEZONE ever change
    hour_s: Mapped[int] = mapped_column(BigInteger)  # seconds, UTC, at which its local hour began
    client_ms: Mapped[int | None] = mapped_column(BigInteger)  # the client's word, kept and not trusted
    place: Mapped[str] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    page: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(String(36))  # whose it was, if they said so
    is_bot: Mapped[bool] = mapped_column(Boolean, server_default=false())  # a crawler that says it is one


class FoldedVisits(db.Model):  # type: ignore[name-defined]
    """Visits whose rows are gone, past RETENTION_DAYS or because their visitor was forgotten: what is left to count.

    As rollups are: a community's visit is in the sums of the site, too. These and the rows that are left make them.
    """

    __tablename__ = "folded_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)  # those of them that were a visitor's first in the scope


class ForgottenVisitors(db.Model):  # type: ignore[name-defined]
    """How many unique visitors of a scope are in `visitors` no longer, since they asked to be forgotten."""

    __tablename__ = "forgotten_visitors"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    visitors: Mapped[int] = mapped_column(BigInteger)


class ImportedVisits(db.Model):  # type: ignore[name-defined]
    """A stretch of ids in which visits are not in the order of their times, since some were brought from elsewhere."""

    __tablename__ = "imported_visits"

    after_visit: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    upto_visit: Mapped[int | None] = mapped_column(BigInteger)  # none, and no times, until the import is over
    first_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_ms: Mapped[int | None] = mapped_column(BigInteger)


class Visitor(db.Model):  # type: ignore[name-defined]
    """A visitor's first visit in a scope; there is one row for each, so that they can be counted as unique."""

    __tablename__ = "visitors"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    first_visit: Mapped[int] = mapped_column(BigInteger)  # visits.id
    user_id: Mapped[str | None] = mapped_column(String(36))  # whom they turned out to be, for visits that do not say


class DailyVisits(db.Model):  # type: ignore[name-defined]
    """Visits of a scope by local day."""

    __tablename__ = "daily_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)


class HourlyVisits(db.Model):  # type: ignore[name-defined]
    """Visits of a scope by local hour."""

    __tablename__ = "hourly_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # seconds, UTC, at which the local hour began
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)


class Adjustment(db.Model):  # type: ignore[name-defined]
    """The total set by hand: the only permitted gap between ordinals (specification: Storage)."""

    __tablename__ = "adjustments"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    after_visit: Mapped[int] = mapped_column(BigInteger)  # the newest visits.id when it was made
    total_before: Mapped[int] = mapped_column(BigInteger)
    total_after: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)  # in force from here on
    reason: Mapped[str] = mapped_column(Text)
