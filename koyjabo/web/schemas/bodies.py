"""Models of request bodies, which validate them and describe them in /openapi.json, and rules for their fields.
`koyjabo.base.core.credential_rules` has the rules for credentials.
"""

import gc
import json
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar, Self

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import RequestEntityTooLarge

from koyjabo.base.core import credential_rules
from koyjabo.base.core.days import typed_days
from koyjabo.base.core.errors import InvalidInput, InvalidJson, UnsupportedBody
from koyjabo.base.core.i18n import N_, Filled
from koyjabo.base.core.identity import MISTAKEN_IDS, VISIT_NAME, VISITOR_ID
from koyjabo.base.core.moments import MAX_MOMENT_MS, MOMENT_FORMAT, MOMENT_TEXT, moment_of
from koyjabo.base.core.sanitize import has_visible, tidy_name, truncate, whole

LARGEST_INT64 = 2**63 - 1

MAX_WAITED_MS = 365 * 86_400_000
"""Maximum time that a visit can say it has waited, ms."""

LONGEST_NAME = 200
NAME_LENGTH = N_("must have 1 to 200 characters and not only spaces")
NAME_TOO_LONG = N_("must not be longer than 200 characters")
NOT_VISIBLE = N_("must have at least one character that can be seen")

MISTAKEN_ID = N_("must not be undefined, null or NaN, which JavaScript writes for a missing value")

NULL = {"type": "null"}

INTEGER = re.compile(r"[+-]?[0-9]{1,4300}", re.ASCII)  # Python's limit for int()


def refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", sentence)


def pattern(rule: re.Pattern[str], optional: bool = False) -> dict[str, Any]:
    """A rule as it appears in /openapi.json."""
    schema = {"type": "string", "pattern": f"^{rule.pattern}$"}
    return {"anyOf": [schema, NULL]} if optional else schema


def _named(value: Any, rule: re.Pattern[str], sentence: str) -> str:
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise refuse(MISTAKEN_ID if value in MISTAKEN_IDS else sentence)
    return value


def visitor_id(value: Any) -> str:
    return _named(value, VISITOR_ID, N_("must be a string of 1 to 128 characters from A–Z a–z 0–9 _ - . :"))


def visit_id(value: Any) -> str | None:
    characters = N_("must be a string of 1 to 128 characters from A–Z a–z 0–9 _ - . : + / =")
    return None if value is None else _named(value, VISIT_NAME, characters)


def is_whole(value: Any) -> bool:
    """Whether a value is an integer in JSON, where `2.0` is also an integer."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _milliseconds(value: Any) -> int | None:
    """Accept any integer. If it does not fit into 64 bits it becomes None, because databases cannot store it."""
    if value is None:
        return None
    if (isinstance(value, str) and INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("must be a whole number of milliseconds since 1970, as Date.now() returns")
    return value if abs(value) <= LARGEST_INT64 else None


def _waited(value: Any) -> int | None:
    """Accept any number, and round it. A number that no client can have measured becomes None: a device's clock may be
    set while a visit waits.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise refuse("must be a number of milliseconds")
    return round(value) if value is not None and 0 <= value <= MAX_WAITED_MS else None


def text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    return truncate(value)


def _address(value: Any) -> str | None:
    """Accept an address. It is truncated only after its parts have been extracted."""
    if value is not None and not isinstance(value, str):
        raise refuse(N_("must be a string"))
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(TRUE_OR_FALSE)
    return value


Text = Annotated[str | None, BeforeValidator(text)]
Address = Annotated[str | None, BeforeValidator(_address)]
VisitorId = Annotated[str, BeforeValidator(visitor_id), WithJsonSchema(pattern(VISITOR_ID))]
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

Waited = Annotated[int | None, BeforeValidator(_waited), WithJsonSchema({"anyOf": [{"type": "number"}, NULL]})]


def text_up_to(value: Any, longest: int, too_long: str) -> str:
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    text = whole(value).strip()
    if len(text) > longest:
        raise refuse(too_long)
    return text


def valid_name(value: Any) -> str:
    name = tidy_name(text_up_to(value, LONGEST_NAME, NAME_TOO_LONG))
    if not name:
        raise refuse(NAME_LENGTH)
    if not has_visible(name):
        raise refuse(NOT_VISIBLE)
    return name


Name = Annotated[
    str,
    BeforeValidator(valid_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"\S"}),
]


def _checked(rule: Callable[[str], str], value: Any) -> str:
    if not isinstance(value, str):
        raise refuse(N_("must be a string"))
    try:
        return rule(value)
    except ValueError as error:
        raise refuse(str(error)) from None


def _by(rule: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(partial(_checked, rule))


EMAIL_SCHEMA = {"type": "string", "pattern": r"^\s*[^\s@]+@[^\s@]+\s*$", "maxLength": credential_rules.MAX_EMAIL_LENGTH}

Email = Annotated[str, _by(credential_rules.email), WithJsonSchema(EMAIL_SCHEMA)]
NewPassword = Annotated[
    str,
    _by(credential_rules.password),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": credential_rules.MIN_PASSWORD_LENGTH,
            "maxLength": credential_rules.MAX_PASSWORD_LENGTH,
        }
    ),
]
Typed = Annotated[str, _by(str)]
"""Any text. It is only compared with a stored value, so the rules for new values do not apply."""


def moment(value: Any) -> int | None:
    """A time in ms since 1970. Raises PydanticCustomError."""
    if value is None:
        return None
    at_ms = moment_of(int(value) if is_whole(value) else value)
    if at_ms is None:
        raise refuse(MOMENT_FORMAT)
    return at_ms


def _typed_day(value: Any) -> date | None:
    try:
        return typed_days("", str(value)).last
    except InvalidInput as error:
        raise refuse(error.details["last_day"]) from None


TypedDay = Annotated[date | None, BeforeValidator(_typed_day)]
"""A day in a form; None for an empty field."""

_ISO = {"type": "string", "format": "date-time", "pattern": f"^{MOMENT_TEXT.pattern}$"}
_MS = {"type": "integer", "minimum": 0, "maximum": MAX_MOMENT_MS}

Moment = Annotated[int | None, BeforeValidator(moment), WithJsonSchema({"anyOf": [_ISO, _MS, NULL]})]


LARGEST_BODY = 16 * 1024
LARGER_BODY = 1024 * 1024
"""Maximum size of a body, bytes. Models of lists take LARGER_BODY."""

FROM_ANY_PAGE = ("application/json", "text/plain")
"""Pages of other origins send `text/plain` without a preflight, with cookies, so bodies of requests that act for a
logged-in user must not accept it.
"""

ONLY_JSON = "Send the body as application/json, uncompressed."


class Body(BaseModel):
    """A JSON object. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")
    media: ClassVar[tuple[str, ...]] = ("application/json",)
    """Accepted content types."""

    may_be_absent: ClassVar[bool] = False
    largest: ClassVar[int] = LARGEST_BODY
    """Maximum size, bytes."""

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the body of a request. Raises UnsupportedBody, InvalidJson, or InvalidInput with all invalid fields."""
        if cls.may_be_absent and not (request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ):
            return cls()
        return cls.read(_data(request, cls.media, cls.largest), request.environ)

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        """Read a body whose size and type were checked. Raises InvalidJson, or InvalidInput with all invalid fields."""
        try:
            return cls.model_validate(_json_object(data))
        except ValidationError as error:
            raise InvalidInput(details={".".join(map(str, e["loc"])): sentence(e) for e in error.errors()}) from None


def _data(request: Request, media: tuple[str, ...], largest: int) -> bytes:
    compressed = request.environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity"
    if compressed or not (request.is_json or request.mimetype in media):
        raise UnsupportedBody if "text/plain" in media else UnsupportedBody(ONLY_JSON)
    data = request.get_data(cache=False)
    if len(data) > largest:
        raise RequestEntityTooLarge
    return data


def _json_object(data: bytes) -> dict[str, Any]:
    collects = gc.isenabled()
    gc.disable()  # with garbage collection, Python 3.13 takes twice as long to parse a million lists
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidJson from None
    finally:
        if collects:
            gc.enable()
    if not isinstance(value, dict):
        raise InvalidJson
    return value


WHOLE, TRUE_OR_FALSE = N_("must be a whole number"), N_("must be true or false")
SENTENCES = {
    "missing": N_("is required"),
    "string_type": N_("must be a string"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), WHOLE),
    **dict.fromkeys(("bool_type", "bool_parsing"), TRUE_OR_FALSE),
    "greater_than_equal": N_("must be at least %(ge)s"),
    "less_than_equal": N_("must be at most %(le)s"),
    "literal_error": N_("must be %(expected)s"),
}
"""Sentences for pydantic's errors, by type."""


def sentence(error: Any) -> str:
    """The reason of a pydantic error, as the end of a sentence that begins with the field."""
    if error["type"] == "value_error":
        reason: str = error["ctx"]["error"].args[0]
        return reason
    template = SENTENCES.get(error["type"])
    return Filled(template, **error.get("ctx", {})) if template else str(error["msg"])
