"""The tables. `visits` is the truth; the others are derived from it in the transaction that writes it.

Times are ms since 1970-01-01 UTC by the server's clock unless a name says otherwise; days are `YYYY-MM-DD` in TIMEZONE.
"""

from __future__ import annotations

from typing import NewType

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.extensions import db

Scope = NewType("Scope", str)
"""What a number is about: `SITE`, or the id of one community."""

SITE = Scope("site")

# SQLite gives a table its row number for nothing only when the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Counter(db.Model):  # type: ignore[name-defined]
    """The newest figures of a scope. Its row is locked for a batch, which is what makes ordinals gapless."""

    __tablename__ = "counters"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)  # ms; base-36 on the wire
    visits: Mapped[int] = mapped_column(BigInteger)  # rows ever written; for the site, also the newest visits.id
    total: Mapped[int] = mapped_column(BigInteger)  # the newest ordinal: visits plus all adjustments
    unique_visitors: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)  # hybrid clock of the newest commit (SPEC: Words)


class Visit(db.Model):  # type: ignore[name-defined]
    """One registered opening of the app, numbered 1, 2, … without a gap by `id`."""

    __tablename__ = "visits"
    __table_args__ = (Index("uq_visits_visitor_visit", "visitor_id", "visit_id", unique=True),)

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


class Visitor(db.Model):  # type: ignore[name-defined]
    """A visitor's first visit in a scope; there is one row for each, so that they can be counted as unique."""

    __tablename__ = "visitors"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    first_visit: Mapped[int] = mapped_column(BigInteger)  # visits.id


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
    """The total set by hand: the only permitted gap between ordinals (SPEC: Storage and scale)."""

    __tablename__ = "adjustments"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    after_visit: Mapped[int] = mapped_column(BigInteger)  # the newest visits.id when it was made
    total_before: Mapped[int] = mapped_column(BigInteger)
    total_after: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)  # in force from here on
    reason: Mapped[str] = mapped_column(Text)
