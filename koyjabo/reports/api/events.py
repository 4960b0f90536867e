"""POST /api/events: record page views and events."""

import json
import math
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import VISIT_NAME
from koyjabo.base.core.sanitize import truncate
from koyjabo.base.core.urls import WRONG_PAGE, sent_page
from koyjabo.base.network.crawlers import is_bot
from koyjabo.columns.columns import Columns
from koyjabo.columns.events.new_event import (
    EVENT_NAME,
    MAX_EVENTS,
    MAX_PROPERTIES,
    MAX_PROPERTY_LENGTH,
    PROPERTY_NAME,
    NewEvent,
    Recorded,
    Size,
    size_of,
)
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.schemas.requests import VisitorBody
from koyjabo.counting.visits import Visits
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.fast_path.fast_path import fast_path, waits_fairly
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import JSON_CONTENT, PlainResponse
from koyjabo.web.openapi.describe import describe
from koyjabo.web.schemas.fields import Milliseconds
from koyjabo.web.schemas.validators import pattern, refuse, text, visit_id

bp = api_blueprint("events")

declare(bp, "/api/events", PathPolicy.ANYONE, tag="visits")

EVENT_LIMITS = {
    **dict.fromkeys(
        ("event_requests", "events"),
        "Too many events at once. These were not recorded; wait as long as Retry-After says, then send them again.",
    ),
    "stored": "Events from this address have reached the daily storage limit. Send these again tomorrow (UTC).",
}

WRONG_COUNT = N_("must be a list of 1 to 50 events")
WRONG_NAME = N_("must be 1 to 64 characters from a–z 0–9 _, starting with a letter")
WRONG_PROPS = N_(
    "must be an object with up to 10 strings, numbers or booleans, whose names are "
    "1 to 64 characters from A–Z a–z 0–9 _"
)
PROPS_SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "maxProperties": MAX_PROPERTIES,
            "propertyNames": {"pattern": f"^{PROPERTY_NAME.pattern}$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        {"type": "null"},
    ]
}

EVENT_REFUSALS = {
    400: "a field is not valid; nothing was recorded",
    413: "over 16 KB; nothing was recorded",
    415: "not JSON; nothing was recorded",
    429: "too many from this address or visitor; nothing was recorded; see Retry-After",
    503: "the commit failed or the disk is almost full, so nothing was recorded; see Retry-After",
}


def _event_id(value: Any) -> str:
    event_id = visit_id("" if value is None else value)
    assert event_id is not None
    return event_id


def _name(value: Any) -> str:
    if not isinstance(value, str) or not EVENT_NAME.fullmatch(value):
        raise refuse(WRONG_NAME)
    return value


def _page(value: Any) -> str | None:
    """The page; None if there is none. Raises PydanticCustomError for a text that names no page."""
    page = sent_page(value) if isinstance(value, str) else None
    if page is None and value not in (None, ""):
        raise refuse(WRONG_PAGE)
    return page


def _props(value: Any) -> dict[str, str]:
    """Return the values as text, as reports use them. An empty text counts as no value."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_PROPERTIES or not all(map(PROPERTY_NAME.fullmatch, value)):
        raise refuse(WRONG_PROPS)
    return {name: written for name, raw in value.items() if (written := _as_text(raw))}


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return truncate(value[:MAX_PROPERTY_LENGTH])
    is_number = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    if not is_number:
        raise refuse(WRONG_PROPS)
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if is_whole else value)[:MAX_PROPERTY_LENGTH]


def _events(value: Any) -> Any:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_EVENTS:
        raise refuse(WRONG_COUNT)
    return value


def _is_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refuse(N_("must be an object"))
    return value


class EventBody(BaseModel):
    """One page view or event. `id` and `name` are required."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, BeforeValidator(_event_id), WithJsonSchema(pattern(VISIT_NAME))] = Field(
        description="the client's own id for this event; a retry with the same id is not counted again"
    )
    name: Annotated[str, BeforeValidator(_name), WithJsonSchema(pattern(EVENT_NAME))] = Field(
        description="`pageview` for a page view", examples=["search"]
    )
    page: Annotated[str | None, BeforeValidator(_page)] = Field(
        None, description="path or address of the page; only its path is stored", examples=["/history"]
    )
    props: Annotated[dict[str, str], BeforeValidator(_props), WithJsonSchema(PROPS_SCHEMA)] = Field(
        default_factory=dict, description="texts are cut to 120 characters", examples=[{"to": "Mirpur 10"}]
    )
    at: Milliseconds = Field(None, description="ms since 1970 by the client's clock")


class EventsBody(VisitorBody):
    """Events of one visitor."""

    events: Annotated[list[Annotated[EventBody, BeforeValidator(_is_object)]], BeforeValidator(_events)] = Field(
        min_length=1, max_length=MAX_EVENTS
    )

    def as_events(self, at_ms: int) -> list[NewEvent]:
        return [
            NewEvent(
                visitor_id=self.visitorId,
                event_id=event.id,
                name=event.name,
                at_ms=at_ms,
                page=event.page,
                props=event.props,
                client_ms=event.at,
            )
            for event in self.events
        ]


class RecordedResponse(BaseModel):
    """How many events were new, and how many had been recorded before."""

    accepted: int
    duplicates: int


@bp.post("/events")
@describe("Record page views and events", {200: RecordedResponse, **EVENT_REFUSALS}, body=EventsBody)
@fast_path
@waits_fairly
def record_events(context: RequestContext) -> PlainResponse:
    """Record up to 50 events from one visitor, all or none. Returns 200 with the number of new events once they are on
    disk, or zeros for an ignored crawler. Each event belongs to its visitor's latest visit.
    """
    context.count_address("event_requests")
    body, services = context.body(EventsBody), context.services
    context.count_visitor("event_requests", body.visitorId)
    events, anonymity = body.as_events(services.clock.now_ms()), services[Anonymity]
    if anonymity.is_requested(context.environ, body.anonymous):
        keys = anonymity.keys_of(body.visitorId, [event.event_id for event in events])
        events = [event.anonymous(*own) for event, own in zip(events, keys, strict=True)]
    size, recorded = size_of(events), Recorded(0, 0)
    _count(context, body.visitorId, size)
    known = services[Visits].texts.pages
    events = [event._replace(page=known.allowed(event.page, context)) for event in events]
    try:
        recorded = services[Columns].record(events, is_bot(text(context.environ.get("HTTP_USER_AGENT"))))
    finally:
        context.uncount_stored(size.most_bytes - recorded.stored_bytes)
    context.uncount_visitor("events", body.visitorId, size.uses * (len(events) - recorded.accepted) // len(events))
    if not recorded.accepted:
        context.uncount_visitor("event_requests", body.visitorId)
    counts = f'{{"accepted":{recorded.accepted},"duplicates":{recorded.duplicates}}}'
    return PlainResponse(HTTPStatus.OK, [JSON_CONTENT, ("Cache-Control", "no-store")], counts)


def _count(context: RequestContext, visitor_id: str, size: Size) -> None:
    """Count a request's events against the limits of both its visitor and its address, or of neither. Raises
    TooManyRequests.
    """
    context.count_stored(size.most_bytes)
    try:
        context.count_visitor("events", visitor_id, size.uses)
        try:
            context.count_address("events", size.uses)
        except TooManyRequests:
            context.uncount_visitor("events", visitor_id, size.uses)
            raise
    except TooManyRequests:
        context.uncount_stored(size.most_bytes)
        raise
