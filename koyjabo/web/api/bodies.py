"""What the public API takes and gives, as models: they check what comes in and describe both in /openapi.json."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import RequestEntityTooLarge

from koyjabo.errors import InvalidInput, InvalidJson, UnknownCommunity, UnsupportedBody
from koyjabo.models import SITE, Scope
from koyjabo.visits import NewVisit

LARGEST_BODY = 16 * 1024
LARGEST_INT64 = 2**63 - 1
LONGEST_TEXT = 512

NAME = re.compile(r"[A-Za-z0-9_.:\-]{1,128}", re.ASCII)
VISIT_NAME = re.compile(r"[A-Za-z0-9_.:+/=\-]{1,128}", re.ASCII)  # no "~": names we make up begin with it
INTEGER = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)


def _refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", sentence)


def _visitor_id(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise _refuse("must be a text of 1 to 128 characters out of A–Z a–z 0–9 _ - . :")
    return value


def _visit_id(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not VISIT_NAME.fullmatch(value):
        raise _refuse("must be a text of 1 to 128 characters out of A–Z a–z 0–9 _ - . : + / =")
    return value


def _milliseconds(value: Any) -> int | None:
    """Any integer is the client's word; one that no database holds is not worth keeping."""
    if value is None:
        return None
    if (isinstance(value, str) and INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse("must be a whole number of milliseconds since 1970, such as Date.now() gives")
    return value if abs(value) <= LARGEST_INT64 else None


def _text(value: Any) -> str | None:
    """Cut, not refused; what no database can hold (half a surrogate pair, NUL) is replaced."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _refuse("must be a text")
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


Text = Annotated[str | None, BeforeValidator(_text)]
VisitorId = Annotated[str, BeforeValidator(_visitor_id), Field(min_length=1, max_length=128)]


class Body(BaseModel):
    """A JSON object; fields it does not know are ignored."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def of(cls, request: Request):
        """Read the body of a request. Raises UnsupportedBody, InvalidJson or InvalidInput with each bad field."""
        try:
            return cls.model_validate(_json_object(request))
        except ValidationError as error:
            raise InvalidInput(details={str(e["loc"][0]): _sentence(e) for e in error.errors()}) from None


class HeartbeatBody(Body):
    visitorId: VisitorId


class NewVisitBody(Body):
    """What a page sends when it is opened. Only `visitorId` is required."""

    visitorId: VisitorId = Field(examples=["visitor_1702757318000_a1b2c3d4e"])
    timestamp: Annotated[int | None, BeforeValidator(_milliseconds)] = Field(
        None, description="ms since 1970 by the client's clock; digits in a text do too", examples=[1702757318000]
    )
    userAgent: Text = Field(None, description="falls back to the User-Agent header")
    referrer: Text = Field(None, description='kept as origin and path; "direct" means none')
    visitId: Annotated[str | None, BeforeValidator(_visit_id)] = Field(
        None, description="the client's own name for this visit: sent again, it is a retry and not counted again"
    )
    communityId: Text = Field(None, description="counts the visit for this community, and for the site")
    page: Text = Field(None, description="the path that was opened", examples=["/history"])

    @classmethod
    def of(cls, request: Request) -> NewVisitBody:
        body = super().of(request)
        key = request.headers.get("Idempotency-Key")
        if body.visitId is None and key is not None:
            body.visitId = _idempotency_key(key)
        if body.userAgent is None:
            body.userAgent = _text(request.headers.get("User-Agent"))
        return body

    def as_visit(self, at_ms: int) -> NewVisit:
        """Raises UnknownCommunity for the one id that is ours and no community's."""
        if self.communityId == SITE:
            raise UnknownCommunity
        return NewVisit(
            visitor_id=self.visitorId,
            visit_id=self.visitId,
            scope=Scope(self.communityId) if self.communityId is not None else SITE,
            at_ms=at_ms,
            client_ms=self.timestamp,
            referrer=_origin_and_path(self.referrer),
            user_agent=self.userAgent,
            page=self.page,
        )


def _json_object(request: Request) -> dict[str, Any]:
    if "HTTP_CONTENT_ENCODING" in request.environ or not (request.is_json or request.mimetype == "text/plain"):
        raise UnsupportedBody
    data = request.get_data(cache=False)
    if len(data) > LARGEST_BODY:
        raise RequestEntityTooLarge
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidJson from None
    if not isinstance(value, dict):
        raise InvalidJson
    return value


def _idempotency_key(header: str) -> str | None:
    """The header is a quoted text by its draft standard, and a bare one by habit."""
    try:
        return _visit_id(header.strip().removeprefix('"').removesuffix('"'))
    except PydanticCustomError as error:
        raise InvalidInput(details={"Idempotency-Key": error.message()}) from None


def _origin_and_path(referrer: str | None) -> str | None:
    """Queries and fragments carry what people typed; they are not ours to keep."""
    if not referrer or referrer == "direct":
        return None
    return re.split(r"[?#]", referrer, maxsplit=1)[0] or None


def _sentence(error: Any) -> str:
    return "is required" if error["type"] == "missing" else error["msg"]
