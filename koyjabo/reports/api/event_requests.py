"""The body of POST /api/events, and its answer."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.core.i18n import N_
from koyjabo.core.identity import VISIT_NAME
from koyjabo.core.sanitize import truncate
from koyjabo.core.urls import page_path
from koyjabo.counting.schemas.requests import ANONYMOUS
from koyjabo.reports.events.records import LONGEST_PROPERTY, MOST_EVENTS, MOST_PROPERTIES, NAME, PROPERTY, NewEvent
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Address, Milliseconds, OptionalFlag, VisitorId, pattern, refuse, visit_id

WRONG_COUNT = N_("must be a list of 1 to 50 events")
WRONG_NAME = N_("must be 1 to 64 characters out of a–z 0–9 _, the first of them a letter")
WRONG_PROPS = N_(
    "must be an object of up to 10 texts, numbers and booleans, under names of 1 to 64 characters out of A–Z a–z 0–9 _"
)
PROPS_SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "maxProperties": MOST_PROPERTIES,
            "propertyNames": {"pattern": f"^{PROPERTY.pattern}$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        {"type": "null"},
    ]
}


def _event_id(value: Any) -> str:
    found = visit_id("" if value is None else value)
    assert found is not None
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise refuse(WRONG_NAME)
    return value


def _props(value: Any) -> dict[str, str]:
    """Values as the texts by which reports name them. An empty text is none."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MOST_PROPERTIES or not all(map(PROPERTY.fullmatch, value)):
        raise refuse(WRONG_PROPS)
    return {name: written for name, each in value.items() if (written := _as_text(each))}


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return truncate(value[:LONGEST_PROPERTY])
    is_number = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    if not is_number:
        raise refuse(WRONG_PROPS)
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if is_whole else value)[:LONGEST_PROPERTY]


def _events(value: Any) -> Any:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_EVENTS:
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
        description="the client's own id of this event; a retry with the same id is not counted again"
    )
    name: Annotated[str, BeforeValidator(_name), WithJsonSchema(pattern(NAME))] = Field(
        description="pageview is a view of a page", examples=["search"]
    )
    page: Address = Field(None, description="path of the page; stored without its query", examples=["/history"])
    props: Annotated[dict[str, str], BeforeValidator(_props), WithJsonSchema(PROPS_SCHEMA)] = Field(
        default_factory=dict, description="texts are cut to 120 characters", examples=[{"to": "Mirpur 10"}]
    )
    at: Milliseconds = Field(None, description="ms since 1970 by the client's clock")


class EventsBody(Body):
    """Events of one visitor."""

    visitorId: VisitorId = Field(examples=["visitor_1702757318000_a1b2c3d4e"])
    events: Annotated[list[Annotated[EventBody, BeforeValidator(_is_object)]], BeforeValidator(_events)] = Field(
        min_length=1, max_length=MOST_EVENTS
    )
    anonymous: OptionalFlag = Field(False, description=ANONYMOUS)

    def as_events(self, at_ms: int) -> list[NewEvent]:
        return [
            NewEvent(
                visitor_id=self.visitorId,
                event_id=each.id,
                name=each.name,
                at_ms=at_ms,
                page=page_path(each.page),
                props=each.props,
                client_ms=each.at,
            )
            for each in self.events
        ]


class RecordedAnswer(BaseModel):
    """What became of the events: new ones, and those that were recorded before."""

    accepted: int
    duplicates: int
