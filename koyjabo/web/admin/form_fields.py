"""Request bodies of the panel's own forms."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.text import N_, whole
from koyjabo.web.api.visit_requests import Body

LONGEST_REASON = 200
REASON_LENGTH = N_("must have 1 to 200 characters and not only spaces")


def _number(value: Any) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,18}\s*", str(value), re.ASCII):
        raise PydanticCustomError("unusable", N_("must be a whole number"))
    return int(value)


def _reason(value: Any) -> str:
    reason = whole(str(value)).strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise PydanticCustomError("unusable", REASON_LENGTH)
    return reason


class TotalBody(Body):
    """The total, set by hand."""

    total: Annotated[int, BeforeValidator(_number)]
    reason: Annotated[str, BeforeValidator(_reason)]
    new_epoch: bool = False
