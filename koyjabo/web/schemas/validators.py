"""Rules for the fields of request bodies. `koyjabo.base.core.credential_rules` has the rules for credentials."""

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.base.core.days import typed_days
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MISTAKE, VISIT_NAME, VISITOR_ID
from koyjabo.base.core.moments import MOMENT_FORMAT, moment_of
from koyjabo.base.core.sanitize import has_visible, tidy_name, truncate, whole

LARGEST_INT64 = 2**63 - 1

MAX_WAIT_MS = 365 * 86_400_000
"""Maximum time that a visit can say it has waited, ms."""

MAX_NAME_LENGTH = 200

NAME_LENGTH = N_("must have 1 to 200 characters and not only spaces")

NAME_TOO_LONG = N_("must not be longer than 200 characters")

NAME_INVISIBLE = N_("must have at least one character that can be seen")

MISTAKEN_ID = N_("must not be a word such as undefined, null or None, which programs write for a missing value")


INTEGER = re.compile(r"[+-]?[0-9]{1,4300}", re.ASCII)  # Python's limit for int()

WHOLE_NUMBER, TRUE_OR_FALSE = N_("must be a whole number"), N_("must be true or false")


def refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", sentence)


def pattern(rule: re.Pattern[str]) -> dict[str, Any]:
    """A rule as it appears in /openapi.json."""
    return {"type": "string", "pattern": f"^{rule.pattern}$"}


def or_null(*schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that may also be null."""
    return {"anyOf": [*schemas, {"type": "null"}]}


def _named(value: Any, rule: re.Pattern[str], sentence: str) -> str:
    if not isinstance(value, str):
        raise refuse(sentence)
    if not rule.fullmatch(value):
        raise refuse(MISTAKEN_ID if MISTAKE.fullmatch(value) else sentence)
    return value


def visitor_id(value: Any) -> str:
    return _named(value, VISITOR_ID, N_("must be a string of 1 to 128 characters from A–Z a–z 0–9 _ - . :"))


def visit_id(value: Any) -> str | None:
    characters = N_("must be a string of 1 to 128 characters from A–Z a–z 0–9 _ - . : + / =")
    return None if value is None else _named(value, VISIT_NAME, characters)


def is_whole(value: Any) -> bool:
    """Whether a value is an integer in JSON, where `2.0` is also an integer."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def milliseconds(value: Any) -> int | None:
    """Accept any integer. If it does not fit into 64 bits it becomes None, because databases cannot store it."""
    if value is None:
        return None
    if (isinstance(value, str) and INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("must be a whole number of milliseconds since 1970, as Date.now() returns")
    return value if abs(value) <= LARGEST_INT64 else None


def waited(value: Any) -> int | None:
    """Accept any number, and round it. A number that no client can have measured becomes None: a device's clock may be
    set while a visit waits.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise refuse("must be a number of milliseconds")
    return round(value) if value is not None and 0 <= value <= MAX_WAIT_MS else None


def text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    return truncate(value)


def address(value: Any) -> str | None:
    """Accept an address. It is truncated only after its parts have been extracted."""
    if value is not None and not isinstance(value, str):
        raise refuse(N_("must be a string"))
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(TRUE_OR_FALSE)
    return value


def text_up_to(value: Any, longest: int, too_long: str) -> str:
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    text = whole(value).strip()
    if len(text) > longest:
        raise refuse(too_long)
    return text


def valid_name(value: Any) -> str:
    name = tidy_name(text_up_to(value, MAX_NAME_LENGTH, NAME_TOO_LONG))
    if not name:
        raise refuse(NAME_LENGTH)
    if not has_visible(name):
        raise refuse(NAME_INVISIBLE)
    return name


def _checked(rule: Callable[[str], str], value: Any) -> str:
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    try:
        return rule(value)
    except ValueError as error:
        raise refuse(str(error)) from None


def rule_by(rule: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(partial(_checked, rule))


def moment(value: Any) -> int | None:
    """A time in ms since 1970. Raises PydanticCustomError."""
    if value is None:
        return None
    at_ms = moment_of(int(value) if is_whole(value) else value)
    if at_ms is None:
        raise refuse(MOMENT_FORMAT)
    return at_ms


def typed_day(value: Any) -> date | None:
    try:
        return typed_days("", str(value)).last
    except InvalidInput as error:
        raise refuse(error.details["last_day"]) from None
