"""Times in request bodies (ISO 8601 with an offset, or milliseconds since 1970), and days in forms."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from koyjabo.core.clock import typed_days
from koyjabo.core.errors import InvalidInput
from koyjabo.core.timestamps import LAST_MS, MOMENT, MOMENTS, NOT_A_MOMENT, moment_of
from koyjabo.webkit.schemas.fields import NULL, is_whole, refuse

__all__ = ["MOMENT", "Moment", "TypedDay"]


def moment(value: Any) -> int | None:
    """A time in ms since 1970. Raises PydanticCustomError."""
    if value is None:
        return None
    at_ms = moment_of(int(value) if is_whole(value) else value)
    if at_ms is None:
        raise refuse(NOT_A_MOMENT)
    return at_ms


def _typed_day(value: Any) -> date | None:
    try:
        return typed_days("", str(value)).last
    except InvalidInput as error:
        raise refuse(error.details["last_day"]) from None


TypedDay = Annotated[date | None, BeforeValidator(_typed_day)]
"""A day in a form; None for an empty field."""

_ISO = {"type": "string", "format": "date-time", "pattern": f"^{MOMENTS.pattern}$"}
_MS = {"type": "integer", "minimum": 0, "maximum": LAST_MS}

Moment = Annotated[int | None, BeforeValidator(moment), WithJsonSchema({"anyOf": [_ISO, _MS, NULL]})]
