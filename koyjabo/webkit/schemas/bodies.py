"""The bodies of requests to the public API, as models, which validate them and describe them in /openapi.json."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from flask import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import RequestEntityTooLarge

from koyjabo.communities.communities import uuid_of
from koyjabo.core.errors import InvalidInput, InvalidJson, UnknownCommunity, UnsupportedBody
from koyjabo.core.i18n import N_
from koyjabo.core.urls import page_path, without_query
from koyjabo.counting.visits import NewVisit
from koyjabo.models import SITE, Scope
from koyjabo.network import campaigns
from koyjabo.network.crawlers import is_bot
from koyjabo.webkit.schemas.fields import Address, Milliseconds, OptionalFlag, Text, VisitId, VisitorId, text, visit_id

LARGEST_BODY = 16 * 1024
JSON = ("application/json",)
ONLY_JSON = "Send the body as application/json, not compressed."


class Body(BaseModel):
    """A JSON object. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")
    media: ClassVar[tuple[str, ...]] = ("application/json", "text/plain")
    """The accepted content types. `text/plain` is for `sendBeacon` of other origins, which sends cookies along: bodies
    of requests that act for a logged-in user must not accept it.
    """

    may_be_absent: ClassVar[bool] = False

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the body of a request. Raises UnsupportedBody, InvalidJson or InvalidInput with each bad field."""
        if cls.may_be_absent and not (request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ):
            return cls()
        return cls.read(_data(request, cls.media), request.environ)

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        """Read a body of valid size and type. Raises InvalidJson or InvalidInput with each bad field."""
        try:
            return cls.model_validate(_json_object(data))
        except ValidationError as error:
            raise InvalidInput(details={".".join(map(str, e["loc"])): sentence(e) for e in error.errors()}) from None


ANONYMOUS = "keep nothing by which the visitor could be followed; the headers Sec-GPC: 1 and DNT: 1 say the same"


class HeartbeatBody(Body):
    visitorId: VisitorId
    anonymous: OptionalFlag = Field(False, description="the visit was anonymous; as there")


class ForgetBody(Body):
    visitorId: VisitorId


class NewVisitBody(Body):
    """What a page sends when it is opened. Only `visitorId` is required."""

    visitorId: VisitorId = Field(examples=["visitor_1702757318000_a1b2c3d4e"])
    timestamp: Milliseconds = Field(
        None, description="ms since 1970 by the client's clock; also as a string of digits", examples=[1702757318000]
    )
    userAgent: Text = Field(None, description="default: the User-Agent header")
    referrer: Text = Field(None, description='stored as origin and path; "direct" means none')
    visitId: VisitId = Field(
        None, description="the client's own id of this visit; a retry with the same id is not counted again"
    )
    communityId: Text = Field(None, description="counts the visit for this community, and for the site")
    page: Address = Field(
        None,
        description="the opened page, stored as its path; the utm_ parameters of its query are the visit's campaign",
        examples=["/history?utm_source=newsletter"],
    )
    anonymous: OptionalFlag = Field(False, description=ANONYMOUS)

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        body = super().read(data, environ)
        if body.visitId is None and "HTTP_IDEMPOTENCY_KEY" in environ:
            body.visitId = _idempotency_key(environ["HTTP_IDEMPOTENCY_KEY"])
        if not body.userAgent:
            body.userAgent = text(environ.get("HTTP_USER_AGENT"))
        return body

    def as_visit(
        self, at_ms: int, place: str, fingerprint: bytes, user_id: str | None, language: str | None
    ) -> NewVisit:
        """The visit to register. Raises UnknownCommunity for the scope of the site, which is not a community's id."""
        if self.communityId == SITE:
            raise UnknownCommunity
        return NewVisit(
            visitor_id=self.visitorId,
            visit_id=self.visitId,
            scope=Scope(uuid_of(self.communityId) or self.communityId) if self.communityId is not None else SITE,
            place=place,
            at_ms=at_ms,
            client_ms=self.timestamp,
            referrer=None if self.referrer == "direct" else without_query(self.referrer),
            user_agent=self.userAgent,
            page=page_path(self.page),
            fingerprint=fingerprint,
            user_id=user_id,
            member_id=user_id,
            is_bot=is_bot(self.userAgent),
            language=language,
            campaign=campaigns.of_page(self.page),
            is_public=True,
        )


def _data(request: Request, media: tuple[str, ...]) -> bytes:
    compressed = request.environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity"
    if compressed or not (request.is_json or request.mimetype in media):
        raise UnsupportedBody if "text/plain" in media else UnsupportedBody(ONLY_JSON)
    data = request.get_data(cache=False)
    if len(data) > LARGEST_BODY:
        raise RequestEntityTooLarge
    return data


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidJson from None
    if not isinstance(value, dict):
        raise InvalidJson
    return value


def _idempotency_key(header: str) -> str | None:
    """With quotation marks, as the draft standard of the header demands, or without, as most clients send it."""
    try:
        return visit_id(header.strip().removeprefix('"').removesuffix('"'))
    except PydanticCustomError as error:
        raise InvalidInput(details={"Idempotency-Key": error.message()}) from None


def sentence(error: Any) -> str:
    return N_("is required") if error["type"] == "missing" else error["msg"]
