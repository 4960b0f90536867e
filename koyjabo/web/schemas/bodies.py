"""Models of request bodies, which validate them and describe them in /openapi.json."""

import gc
import json
from typing import Any, ClassVar, Self

from flask import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from koyjabo.base.core.errors import InvalidInput, InvalidJson, UnsupportedBody
from koyjabo.base.core.i18n import N_, Filled
from .validators import TRUE_OR_FALSE, WHOLE_NUMBER

MAX_BODY_BYTES = 16 * 1024
MAX_LIST_BODY_BYTES = 1024 * 1024
"""Maximum size of a body, bytes. Models of lists take MAX_LIST_BODY_BYTES."""

FROM_ANY_PAGE = ("application/json", "text/plain")
"""Pages of other origins send `text/plain` without a preflight, with cookies, so bodies of requests that act for a
logged-in user must not accept it.
"""

ONLY_JSON = "Send the body as application/json, uncompressed."

VALIDATION_SENTENCES = {
    "missing": N_("is required"),
    "string_type": N_("must be a string"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), WHOLE_NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), TRUE_OR_FALSE),
    "greater_than_equal": N_("must be at least %(ge)s"),
    "less_than_equal": N_("must be at most %(le)s"),
    "literal_error": N_("must be %(expected)s"),
}
"""Sentences for pydantic's errors, by type."""


class Body(BaseModel):
    """A JSON object. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")
    media: ClassVar[tuple[str, ...]] = ("application/json",)
    """Accepted content types."""

    may_be_absent: ClassVar[bool] = False
    largest: ClassVar[int] = MAX_BODY_BYTES
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


def sentence(error: Any) -> str:
    """The reason of a pydantic error, as the end of a sentence that begins with the field."""
    if error["type"] == "value_error":
        reason: str = error["ctx"]["error"].args[0]
        return reason
    template = VALIDATION_SENTENCES.get(error["type"])
    return Filled(template, **error.get("ctx", {})) if template else str(error["msg"])
