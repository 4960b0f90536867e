"""What servers measure of their promises (`koyjabo.status`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.models.columns import Model


class Measurement(Model):
    """Something that is measured: since when, and its sum over all workers, which no restart sets back."""

    __tablename__ = "measurements"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    since_ms: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)


class MeasuredMinute(Model):
    """What was measured in one minute: pushes by bucket of their latency, or how much of it nothing could be saved."""

    __tablename__ = "measured_minutes"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    minute_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # its beginning
    bucket: Mapped[int] = mapped_column(primary_key=True)  # 0 without buckets
    amount: Mapped[int] = mapped_column(BigInteger)  # pushes, or ms
