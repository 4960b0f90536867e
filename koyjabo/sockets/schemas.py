"""The events of streams, for OpenAPI: `koyjabo.realtime.events` creates them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from koyjabo.counting.schemas.responses import LastVisitResponse, StatsResponse

MILESTONE = Field(
    None, description="the highest milestone reached since the previous event; usually missing", examples=[5000]
)


class SiteUpdateEvent(BaseModel):
    """The site's stats, sent immediately and after every change."""

    type: Literal["visitor_update"]
    stats: StatsResponse
    last: LastVisitResponse | None = Field(description="the newest visit; null before the first one")
    milestone: int | None = MILESTONE


class CommunityUpdateEvent(BaseModel):
    """The stats of a community, sent whenever a visit changes them."""

    type: Literal["visitor_update"]
    community_id: str
    stats: StatsResponse
    milestone: int | None = MILESTONE


class CountEvent(BaseModel):
    type: str
    community_id: str
    count: int = Field(description="members who are online now", examples=[42])
    change: int = Field(description="since the previous event")
    revision: int = Field(description="increases with every event; time in ms since 1970", examples=[1765860518412])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class VisitorCountEvent(CountEvent):
    """The number of members online. Sent immediately, and whenever the number changes by more than one."""

    type: Literal["visitor_count"]


class VisitorJoinedEvent(CountEvent):
    """A member has come online."""

    type: Literal["visitor_joined"]
    change: Literal[1]


class VisitorLeftEvent(CountEvent):
    """A member has gone offline."""

    type: Literal["visitor_left"]
    change: Literal[-1]


class MembersOnlineEvent(BaseModel):
    """Who is online, if `members_see_online` is true. Sent after the first `visitor_count`, and on changes, at most
    once a second. Not sent to watchers.
    """

    type: Literal["members_online"]
    community_id: str
    people: list[dict[str, str]] = Field(description="at most 50, newest first: `user_id`, `name`, `since`")
    unnamed: int = Field(description="members online who are not in `people`")
    revision: int = Field(description="increases with every event; time in ms since 1970", examples=[1765860518412])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class MessageEvent(BaseModel):
    """A program's message to the members online."""

    type: Literal["message"]
    community_id: str
    data: Any = Field(description="any JSON value", examples=[{"kind": "typing"}])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class LostRightEvent(BaseModel):
    """The client is no longer permitted to use the stream, so the stream ends."""

    type: Literal["error"]
    error: str = Field(description="a sentence a person can act on")
    message: str = Field(description="the same")
    code: str = Field(description="for programs; stable", examples=["forbidden"])
