"""The events of streams, as models that describe them. `koyjabo.realtime.events` makes them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from koyjabo.counting.schemas import LastVisitAnswer, StatsAnswer

MILESTONE = Field(
    None, description="the greatest that the total has reached since the event before; usually missing", examples=[5000]
)


class SiteUpdateEvent(BaseModel):
    """The stats of the site: at once, and at every change."""

    type: Literal["visitor_update"]
    stats: StatsAnswer
    last: LastVisitAnswer | None = Field(description="the newest visit; null before the first one")
    milestone: int | None = MILESTONE


class CommunityUpdateEvent(BaseModel):
    """The stats of a community, whenever a visit changes them."""

    type: Literal["visitor_update"]
    community_id: str
    stats: StatsAnswer
    milestone: int | None = MILESTONE


class CountEvent(BaseModel):
    type: str
    community_id: str
    count: int = Field(description="members who are online now", examples=[42])
    change: int = Field(description="since the event before")
    revision: int = Field(description="increases with every event; time in ms since 1970", examples=[1765860518412])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class VisitorCountEvent(CountEvent):
    """How many members are online: at once, and when several have come or gone."""

    type: Literal["visitor_count"]


class VisitorJoinedEvent(CountEvent):
    """A member has come online."""

    type: Literal["visitor_joined"]
    change: Literal[1]


class VisitorLeftEvent(CountEvent):
    """A member has gone."""

    type: Literal["visitor_left"]
    change: Literal[-1]


class LostRightEvent(BaseModel):
    """The right to the stream was lost, and it ends."""

    type: Literal["error"]
    error: str = Field(description="a sentence a person can act on")
    message: str = Field(description="the same")
    code: str = Field(description="for programs; stable", examples=["forbidden"])


OF_SITE = (SiteUpdateEvent,)
OF_COMMUNITY = (VisitorCountEvent, VisitorJoinedEvent, VisitorLeftEvent, CommunityUpdateEvent, LostRightEvent)
