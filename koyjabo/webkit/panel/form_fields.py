"""Request bodies of the panel's own forms."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.core.text import N_, whole
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import VisitorId

LONGEST_REASON = 200
NUMBER = re.compile(r"\s*(\d{1,18}|\d{1,3}(,\d{2,3})*,\d{3})\s*")
REASON_LENGTH = N_("must have 1 to 200 characters and not only spaces")


def _number(value: Any) -> int:
    """As pages write numbers: with any script of digits, and grouped or not."""
    if not NUMBER.fullmatch(str(value)):
        raise PydanticCustomError("unusable", N_("must be a whole number"))
    return int(str(value).replace(",", ""))


def _reason(value: Any) -> str:
    reason = whole(str(value)).strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise PydanticCustomError("unusable", REASON_LENGTH)
    return reason


class ErasureBody(Body):
    """A visitor whose data is to be erased."""

    visitor_id: Annotated[VisitorId, BeforeValidator(str.strip)]


class AnnotationBody(Body):
    """What happened on a day."""

    day: str
    text: str


class TotalBody(Body):
    """The total, set by hand."""

    total: Annotated[int, BeforeValidator(_number)]
    reason: Annotated[str, BeforeValidator(_reason)]
    new_epoch: bool = False
