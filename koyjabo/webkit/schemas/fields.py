"""Validation rules for single fields of request bodies, with their error messages."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from koyjabo.core.sanitize import truncate
from koyjabo.counting.visits import VISIT_NAME, VISITOR_ID

LARGEST_INT64 = 2**63 - 1

NULL = {"type": "null"}

INTEGER = re.compile(r"[+-]?[0-9]{1,4300}", re.ASCII)  # Python's limit for int()


def refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", sentence)


def pattern(rule: re.Pattern[str], optional: bool = False) -> dict[str, Any]:
    """The same rule, for /openapi.json."""
    schema = {"type": "string", "pattern": f"^{rule.pattern}$"}
    return {"anyOf": [schema, NULL]} if optional else schema


def _named(value: Any, rule: re.Pattern[str], characters: str) -> str:
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise refuse(f"must be a text of 1 to 128 characters out of {characters}")
    return value


def visitor_id(value: Any) -> str:
    return _named(value, VISITOR_ID, "A–Z a–z 0–9 _ - . :")


def visit_id(value: Any) -> str | None:
    return None if value is None else _named(value, VISIT_NAME, "A–Z a–z 0–9 _ - . : + / =")


def _milliseconds(value: Any) -> int | None:
    """Accepts any integer. One that does not fit 64 bits becomes None, because databases cannot store it."""
    if value is None:
        return None
    if (isinstance(value, str) and INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("must be a whole number of milliseconds since 1970, such as Date.now() gives")
    return value if abs(value) <= LARGEST_INT64 else None


def text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse("must be a text")
    return truncate(value)


def _address(value: Any) -> str | None:
    """Not cut before its parts are taken from it."""
    if value is not None and not isinstance(value, str):
        raise refuse("must be a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse("must be true or false")
    return value


Text = Annotated[str | None, BeforeValidator(text)]
Address = Annotated[str | None, BeforeValidator(_address)]
VisitorId = Annotated[str, BeforeValidator(visitor_id), WithJsonSchema(pattern(VISITOR_ID))]
OptionalVisitorId = Annotated[
    str | None,
    BeforeValidator(lambda value: None if value is None else visitor_id(value)),
    WithJsonSchema(pattern(VISITOR_ID, optional=True)),
]
VisitId = Annotated[str | None, BeforeValidator(visit_id), WithJsonSchema(pattern(VISIT_NAME, optional=True))]
Flag = Annotated[bool, BeforeValidator(_flag)]
OptionalFlag = Annotated[
    bool,
    BeforeValidator(lambda value: False if value is None else _flag(value)),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, NULL]}),
]
Milliseconds = Annotated[
    int | None,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{INTEGER.pattern}$"}, NULL]}),
]
