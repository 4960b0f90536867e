"""The bodies and responses of the API's calls for share links."""

import json
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.moments import EXAMPLE_MOMENT
from koyjabo.reports.query.parameters import is_interval
from koyjabo.reports.query.ranges import DEFAULT_RANGE, RANGE_NAMES
from koyjabo.web.http.responses import StoredResponse, Time
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Moment, Name, NewPassword
from koyjabo.web.schemas.validators import or_null, refuse

INTERVAL = "2026-11-01/2026-11-15"
NOT_FILTERS = N_("must be lists of values by dimension")
NOT_A_LINK_RANGE = N_(
    "must be one of hour, today, yesterday, 7d, 28d, 30d, 90d, 365d, month, all, "
    "or two days such as 2026-11-01/2026-11-15"
)

DAYS_SCHEMA = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _range(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and (value in RANGE_NAMES or is_interval(value))):
        return value
    raise refuse(NOT_A_LINK_RANGE)


def _filters(value: Any) -> dict[str, list[str]]:
    """Parse filters. A value may be null (not recorded), which a query string writes as ""."""
    if (
        not isinstance(value, dict)
        or not all(isinstance(texts, list) for texts in value.values())
        or not all(isinstance(text, str | None) for texts in value.values() for text in texts)
    ):
        raise refuse(NOT_FILTERS)
    return {name: [text or "" for text in values] for name, values in value.items()}


Filters = Annotated[
    dict[str, list[str]],
    BeforeValidator(_filters),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "array", "items": or_null({"type": "string"})}}),
]

Range = Annotated[
    str | None,
    BeforeValidator(_range),
    WithJsonSchema(or_null({"type": "string", "enum": list(RANGE_NAMES)}, DAYS_SCHEMA)),
]


class NewShareBody(Body):
    """A new share link. Only `name` is required."""

    name: Name = Field(examples=["Search traffic"])
    filters: Filters = Field(
        default_factory=dict,
        description='values by dimension, as in a report query: a leading "!" excludes a value',
        examples=[{"source": ["google.com"]}],
    )
    range: Range = Field(
        None,
        description=f"shown unless readers choose another: a name or two days, {INTERVAL}; default {DEFAULT_RANGE}",
    )
    password: NewPassword | None = Field(None, description="must be entered before anything is shown")
    expires_at: Moment = Field(None, description="default: never", examples=[EXAMPLE_MOMENT])


class ShareResponse(StoredResponse):
    """A share link, without its token."""

    id: str
    name: str
    filters: Annotated[dict[str, list[str]], BeforeValidator(json.loads)]
    range: str | None
    has_password: Annotated[bool, BeforeValidator(bool)] = Field(validation_alias="password")
    created_at: Time
    created_by: str = Field(validation_alias=AliasPath("maker", "name"), description="a name")
    expires_at: Time | None
    used_at: Time | None = Field(description="when it was last opened, to the minute; null if never")


class NewShareResponse(BaseModel):
    """A new share link. The API does not show its token again."""

    id: str
    token: str
    url: str = Field(examples=["https://live.example.com/share/qLm0…"])
    filters: dict[str, list[str]]
