"""Request bodies about visits."""

import secrets
from ipaddress import ip_address
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import VISITOR_ID
from koyjabo.base.core.urls import referrer_path, sent_page
from koyjabo.base.network import accept_language, campaigns
from koyjabo.base.network.client_address import derived_visitor, is_derived
from koyjabo.base.network.crawlers import is_bot
from koyjabo.counting.records import NewVisit
from koyjabo.web.schemas.bodies import FROM_ANY_PAGE, MAX_LIST_BODY_BYTES, Body, sentence
from koyjabo.web.schemas.fields import Address, Milliseconds, Moment, OptionalFlag, Text, VisitId, VisitorId, Waited
from koyjabo.web.schemas.validators import pattern, refuse, text, visit_id, visitor_id

VISIT_REFUSALS = {
    400: "a field is not valid; nothing was counted",
    413: "over 16 KB; nothing was counted",
    415: "not JSON; nothing was counted",
    429: "too many from this address or visitor; nothing was counted; see Retry-After",
    503: "the commit was not confirmed; retry with the same visitId; see Retry-After",
}

ANONYMOUS_TEXT = "keep nothing that could identify the visitor later; the headers Sec-GPC: 1 and DNT: 1 do the same"


OnlyTrue = Annotated[bool, BeforeValidator(lambda value: value is True), WithJsonSchema({})]


MAX_SENT_VISITS = 500
"""Maximum number of visits in a list."""

NOT_A_LIST = f"must be a list of at most {MAX_SENT_VISITS} visits"


NO_ID = object()
"""The value of a missing `visitorId` during validation."""


IS_ANONYMOUS: Any = {"required": ["anonymous"], "properties": {"anonymous": {"const": True}}}


def _visitor_id(value: Any, info: ValidationInfo) -> str:
    if value is not NO_ID:
        return visitor_id(value)
    if not info.data.get("anonymous"):
        raise refuse(N_("is required"))
    return ""


class VisitorBody(Body):
    """What a page sends about its visitor. An anonymous one needs no id: it is derived from the request then."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["visitorId"]}, IS_ANONYMOUS]})
    media = FROM_ANY_PAGE

    anonymous: OptionalFlag = Field(False, description=ANONYMOUS_TEXT)
    visitorId: Annotated[str, BeforeValidator(_visitor_id), WithJsonSchema(pattern(VISITOR_ID))] = Field(
        default_factory=lambda: NO_ID,
        validate_default=True,
        description="required unless `anonymous` is true; without it, the visitor is a browser behind an address for a "
        "day, as seen by the page's origin",
        examples=["visitor_1702757318000_a1b2c3d4e"],
    )

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        body = super().read(data, environ)
        body.visitorId = body.visitorId or derived_visitor(environ)
        return body


class ForgetBody(Body):
    media = FROM_ANY_PAGE

    visitorId: VisitorId


class NewVisitBody(VisitorBody):
    """A visit, as a page sends it when it opens. Only `visitorId` is required, or `anonymous`."""

    timestamp: Milliseconds = Field(
        None, description="ms since 1970 by the client's clock; also as a string of digits", examples=[1702757318000]
    )
    waitedMs: Waited = Field(
        None,
        description="how long the visit has waited to be sent, in ms: the difference between two readings of the "
        "client's clock. Over 365 days or negative: ignored",
        examples=[3],
    )
    userAgent: Text = Field(None, description="default: the User-Agent header")
    referrer: Address = Field(None, description='stored as origin and path; "direct", in any case, means none')
    visitId: VisitId = Field(
        None, description="the client's own id of this visit; a retry with the same id is not counted again"
    )
    communityId: Text = Field(None, description="id or ref: counts the visit for this community and for the site")
    page: Address = Field(
        None,
        description="the opened page, stored as its path; the utm_ parameters of its query are the visit's campaign",
        examples=["/history?utm_source=newsletter"],
    )
    continues: OptionalFlag = Field(
        False,
        description="the page was reached from a page of its own origin, reloaded or restored: without a visitorId, it "
        "is a page view of the visitor's newest visit if that has had a page in the last 30 minutes",
    )
    webdriver: OnlyTrue = Field(False, description="`navigator.webdriver`; any value other than true is ignored")

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        body = super().read(data, environ)
        if body.visitId is None and "HTTP_IDEMPOTENCY_KEY" in environ:
            body.visitId = _idempotency_key(environ["HTTP_IDEMPOTENCY_KEY"])
        body.continues = body.continues and is_derived(body.visitorId)
        if body.continues and body.visitId is None:
            body.visitId = secrets.token_urlsafe(9)
        if not body.userAgent:
            body.userAgent = text(environ.get("HTTP_USER_AGENT"))
        return body

    def as_visit(self, at_ms: int, **known: Any) -> NewVisit:
        """The visit, received at `at_ms` by this server's clock. `known` has the fields that are not in the body."""
        is_crawler = is_bot(self.userAgent)
        return NewVisit(
            visitor_id=self.visitorId,
            visit_id=self.visitId,
            at_ms=at_ms,
            client_ms=self.timestamp,
            waited_ms=self.waitedMs,
            referrer=referrer_path(self.referrer),
            user_agent=self.userAgent,
            page=sent_page(self.page),
            is_bot=is_crawler,
            automated=is_crawler or self.webdriver,
            campaign=campaigns.of_page(self.page),
            continues=self.continues,
            **known,
        )


def _idempotency_key(header: str) -> str | None:
    """The header's value, with quotation marks, as the draft standard demands, or without, as most clients send it."""
    try:
        return visit_id(header.strip().removeprefix('"').removesuffix('"'))
    except PydanticCustomError as error:
        raise InvalidInput(details={"Idempotency-Key": error.message()}) from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_SENT_VISITS:
        raise refuse(NOT_A_LIST)
    return value


def _ip_address(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise refuse("must be an IP address, such as 203.0.113.7 or 2001:db8::7") from None


class SentVisitsBody(Body):
    """A list of at most 500 visits reported by another server."""

    largest = MAX_LIST_BODY_BYTES

    visits: Annotated[list[Any], BeforeValidator(_list)] = Field(
        description="objects with visitorId, visitId and optionally at, waitedMs, page, referrer, userAgent, language, "
        "address (used for the location and kind of network, not stored) and communityId",
        examples=[[{"visitorId": "v-81", "visitId": "req-5512", "page": "/fares", "address": "203.0.113.7"}]],
        json_schema_extra={"maxItems": MAX_SENT_VISITS},
    )


class SentVisit(BaseModel):
    """A reported visit. The request's headers do not apply to it, because they describe the other server."""

    model_config = ConfigDict(extra="ignore")

    visitorId: VisitorId
    visitId: Annotated[str, BeforeValidator(visit_id)]
    at: Moment = None
    waitedMs: Waited = None
    page: Address = None
    referrer: Address = None
    userAgent: Text = None
    language: Text = None
    address: Annotated[str | None, BeforeValidator(_ip_address)] = None
    communityId: Text = None

    @classmethod
    def of(cls, sent: Any) -> "SentVisit":
        """Validate one visit. Raises InvalidInput with the problems by field."""
        if not isinstance(sent, dict):
            raise InvalidInput(details={"visit": "must be an object"})
        try:
            return cls.model_validate(sent)
        except ValidationError as error:
            problems = {".".join(map(str, problem["loc"])): sentence(problem) for problem in error.errors()}
            raise InvalidInput(details=problems) from None

    def as_visit(self, at_ms: int, **known: Any) -> NewVisit:
        """The visit to register, as if a page had sent it. `known` has the fields that are not in the body."""
        body = NewVisitBody.model_construct(
            visitorId=self.visitorId,
            timestamp=self.at,
            waitedMs=self.waitedMs,
            userAgent=self.userAgent,
            referrer=self.referrer,
            visitId=self.visitId,
            page=self.page,
        )
        return body.as_visit(at_ms, language=accept_language.first_language(self.language), **known)
