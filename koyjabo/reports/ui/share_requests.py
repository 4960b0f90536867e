"""The request and response bodies of /api/shares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.core.clock import MOMENT, iso
from koyjabo.core.i18n import N_
from koyjabo.reports.query.parameters import is_interval
from koyjabo.reports.query.ranges import RANGES
from koyjabo.reports.share_queries import ShareLink
from koyjabo.reports.shares import NewLink
from koyjabo.webkit.schemas.bodies import JSON, Body
from koyjabo.webkit.schemas.fields import NULL, Moment, Name, NewPassword, refuse

INTERVAL = "2026-11-01/2026-11-15"
NOT_A_RANGE = N_(
    "must be one of today, yesterday, 7d, 30d, 90d, 365d, month, all, or two days such as 2026-11-01/2026-11-15"
)
NOT_FILTERS = N_("must be lists of values by dimension")


def _filters(value: Any) -> dict[str, list[str]]:
    """Parse filters. A value may be null (not recorded), which a query string writes as ""."""
    if not isinstance(value, dict) or not all(isinstance(texts, list) for texts in value.values()):
        raise refuse(NOT_FILTERS)
    if not all(text is None or isinstance(text, str) for values in value.values() for text in values):
        raise refuse(NOT_FILTERS)
    return {name: [text or "" for text in values] for name, values in value.items()}


def _range(value: Any) -> str | None:
    if value is None or value in RANGES or (isinstance(value, str) and is_interval(value)):
        return None if value is None else str(value)
    raise refuse(NOT_A_RANGE)


DAYS = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
TEXTS = {"type": "array", "items": {"anyOf": [{"type": "string"}, NULL]}}
Filters = Annotated[
    dict[str, list[str]],
    BeforeValidator(_filters),
    WithJsonSchema({"type": "object", "additionalProperties": TEXTS}),
]
Range = Annotated[
    str | None,
    BeforeValidator(_range),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(RANGES)}, DAYS, NULL]}),
]


class NewShareBody(Body):
    """A new share link. Only `name` is required."""

    media = JSON

    name: Name = Field(examples=["Search traffic"])
    filters: Filters = Field(
        default_factory=dict,
        description='values by dimension, as in a report query: a leading "!" excludes a value',
        examples=[{"source": ["google.com"]}],
    )
    range: Range = Field(
        None, description=f"shown unless readers choose another: a name, or two days such as {INTERVAL}; default 30d"
    )
    password: NewPassword | None = Field(None, description="must be entered before anything is shown")
    expires_at: Moment = Field(None, description="default: never", examples=[MOMENT])

    def link(self) -> NewLink:
        return NewLink(self.name, self.filters, self.range, self.password, self.expires_at)


class ShareResponse(BaseModel):
    """A share link, without its token."""

    id: str
    name: str
    filters: dict[str, list[str]]
    range: str | None
    has_password: bool
    created_at: str = Field(examples=[MOMENT])
    created_by: str = Field(description="a name")
    expires_at: str | None = Field(examples=[MOMENT])
    used_at: str | None = Field(description="when it was last opened, to the minute; null if never", examples=[MOMENT])

    @classmethod
    def of(cls, link: ShareLink) -> ShareResponse:
        return cls(
            id=link.id,
            name=link.name,
            filters=link.filters,
            range=link.range,
            has_password=link.has_password,
            created_at=iso(link.created_ms),
            created_by=link.created_by,
            expires_at=_iso(link.expires_ms),
            used_at=_iso(link.used_ms),
        )


class NewShareResponse(BaseModel):
    """A new share link. Its token is not shown again."""

    id: str
    token: str
    url: str = Field(examples=["https://live.example.com/share/qLm0…"])
    filters: dict[str, list[str]]


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)
