"""Moments in bodies of requests: ISO 8601 with an offset, or milliseconds since 1970; days in forms."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from koyjabo.core.clock import typed_days
from koyjabo.core.errors import InvalidInput
from koyjabo.core.i18n import N_
from koyjabo.webkit.schemas.fields import NULL, is_whole, refuse

MOMENT = "2026-12-31T18:00:00Z"
MOMENTS = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
NOT_A_MOMENT = N_("must be a time with its offset, such as 2026-12-31T18:00:00Z, or milliseconds since 1970")
LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""


def moment(value: Any) -> int | None:
    """ms since 1970. Raises PydanticCustomError."""
    if value is None:
        return None
    if is_whole(value) and 0 <= value <= LAST_MS:
        return int(value)
    if not isinstance(value, str) or not MOMENTS.fullmatch(value):
        raise refuse(NOT_A_MOMENT)
    try:
        return int(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise refuse(NOT_A_MOMENT) from None


def _typed_day(value: Any) -> date | None:
    try:
        return typed_days("", str(value)).last
    except InvalidInput as error:
        raise refuse(error.details["last_day"]) from None


TypedDay = Annotated[date | None, BeforeValidator(_typed_day)]
"""A day of a form; None for an empty field."""

_ISO = {"type": "string", "format": "date-time", "pattern": f"^{MOMENTS.pattern}$"}
_MS = {"type": "integer", "minimum": 0, "maximum": LAST_MS}

Moment = Annotated[int | None, BeforeValidator(moment), WithJsonSchema({"anyOf": [_ISO, _MS, NULL]})]
