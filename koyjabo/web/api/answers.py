"""What the public API gives: the stats object, written once for each revision, and what stands around it."""

from __future__ import annotations

import json
import secrets

from flask import Response
from pydantic import BaseModel, Field

from koyjabo.clock import iso
from koyjabo.visits import Receipt, Stats

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
JSON = "application/json"
PROCESS = secrets.token_hex(3)
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Place(BaseModel):
    count: int


class StatsAnswer(BaseModel):
    """The numbers of the site at one revision."""

    totalVisitors: int = Field(description="the newest ordinal; the same number as totalVisits", examples=[4001])
    totalVisits: int = Field(examples=[4001])
    todayVisits: int = Field(description="since midnight in TIMEZONE", examples=[145])
    activeUsers: int = Field(description="visitors seen in the last ACTIVE_WINDOW_SECONDS", examples=[3])
    uniqueVisitors: int = Field(examples=[3821])
    locations: dict[str, Place] = Field(description="the active visitors by place; they add up to activeUsers")
    revision: int = Field(description="grows with every change; also the moment, ms", examples=[1765860518412])
    epoch: str = Field(description="creation time of the database, base 36", examples=["mj8k2f1x"])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    stale: bool | None = Field(None, description="true when the database cannot be read: the last known numbers")


class VisitAnswer(BaseModel):
    ordinal: int = Field(examples=[4001])
    duplicate: bool = Field(description="a retry: it was counted before, under this ordinal")


class RegisteredAnswer(BaseModel):
    success: bool
    visit: VisitAnswer
    stats: StatsAnswer


class ErrorAnswer(BaseModel):
    error: str = Field(description="a sentence a person can act on")
    code: str = Field(description="for programs; it does not change")
    details: dict


def base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits or "0"


class StatsWriter:
    """Turns stats into JSON, once for as long as they stay the same: many requests are given each."""

    def __init__(self) -> None:
        self._last: tuple[Stats, str] | None = None

    def json(self, stats: Stats) -> str:
        last = self._last
        if last is None or last[0] is not stats:
            self._last = last = (stats, encode(stats_object(stats)))
        return last[1]


def stats_object(stats: Stats) -> dict:
    """The stats object of SPEC, in its order."""
    written = {
        "totalVisitors": stats.total,
        "totalVisits": stats.total,
        "todayVisits": stats.today,
        "activeUsers": stats.active,
        "uniqueVisitors": stats.unique_visitors,
        "locations": {place: {"count": count} for place, count in stats.places.items()},
        "revision": stats.revision,
        "epoch": base36(stats.epoch),
        "timestamp": iso(stats.revision),
    }
    return {**written, "stale": True} if stats.stale else written


writer = StatsWriter()


def stats_answer(stats: Stats, tag: str) -> Response:
    return Response(writer.json(stats), content_type=JSON, headers=revalidated(tag))


def revalidated(tag: str) -> list[tuple[str, str]]:
    """Headers of what may be kept, but has to be asked for again each time."""
    return [("Cache-Control", "no-cache"), ("ETag", f'"{tag}"')]


def etag(stats: Stats) -> str:
    """Epoch and revision, and the process: who is active is each server's own, at the same revision too."""
    return f"{base36(stats.epoch)}-{stats.revision}-{PROCESS}{'-stale' if stats.stale else ''}"


def registered_answer(receipt: Receipt, stats: Stats) -> Response:
    duplicate = "true" if receipt.duplicate else "false"
    visit = f'{{"ordinal":{receipt.ordinal},"duplicate":{duplicate}}}'
    body = f'{{"success":true,"visit":{visit},"stats":{writer.json(stats)}}}'
    return Response(body, content_type=JSON, headers=[("Cache-Control", "no-store")])
