"""Response bodies of the public API. The stats are encoded once for each revision."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from koyjabo.counting.own_numbers import OwnNumbers
from koyjabo.counting.records import Receipt
from koyjabo.counting.stats import Stats, StatsWriter, WrittenStats
from koyjabo.web.http.responses import JSON_CONTENT, JSON_TYPE, PlainResponse, response_or_304

writer = StatsWriter()


class Place(BaseModel):
    count: int


class StatsResponse(BaseModel):
    """The site's numbers at one revision."""

    totalVisitors: int = Field(description="the latest visit number, equal to totalVisits", examples=[4001])
    totalVisits: int = Field(examples=[4001])
    todayVisits: int = Field(description="since midnight in TIMEZONE", examples=[145])
    activeUsers: int = Field(description="visitors seen in the last ACTIVE_WINDOW_SECONDS", examples=[3])
    uniqueVisitors: int = Field(examples=[3821])
    locations: dict[str, Place] = Field(description="active visitors by location; they add up to activeUsers")
    revision: int = Field(description="increases with every change; time in ms since 1970", examples=[1765860518412])
    epoch: str = Field(description="creation time of the database, base 36", examples=["mj8k2f1x"])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    stale: bool | None = Field(
        None, description="true if the database cannot be read; the numbers are the last known ones"
    )


class LastVisitResponse(BaseModel):
    at: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    place: str | None = Field(description="null if it is unknown or has fewer than 3 active visitors")


class VisitResponse(BaseModel):
    ordinal: int = Field(examples=[4001])
    today: int | None = Field(
        description="its number within its day; null for a retry of a visit that is older than this field",
        examples=[145],
    )
    duplicate: bool = Field(description="true for a retry: the visit was counted before, with these numbers")
    share: str = Field(description="path of a page that shows the number", examples=["/n/4001?s=pTr0…"])


class RegisteredResponse(BaseModel):
    success: bool
    visit: VisitResponse | None = Field(
        description="null for a page view (`continues`), and for a crawler that is not counted (BOT_POLICY)"
    )
    stats: StatsResponse


def stats_or_304(environ: dict[str, Any], stats: WrittenStats) -> PlainResponse:
    """The stats, or 304 if `If-None-Match` has their tag."""
    return response_or_304(environ, stats.tag, JSON_TYPE, stats.json)


def registered_response(receipt: Receipt | None, own_numbers: OwnNumbers, stats: Stats) -> PlainResponse:
    visit = "null"
    if receipt is not None and not receipt.is_view:
        duplicate = "true" if receipt.duplicate else "false"
        today = "null" if receipt.day_number is None else receipt.day_number
        share = own_numbers.path(receipt.ordinal, receipt.snapshot.epoch)
        visit = f'{{"ordinal":{receipt.ordinal},"today":{today},"duplicate":{duplicate},"share":"{share}"}}'
    body = f'{{"success":true,"visit":{visit},"stats":{writer.write(stats).json}}}'
    return PlainResponse(HTTPStatus.OK, [JSON_CONTENT, ("Cache-Control", "no-store")], body)
