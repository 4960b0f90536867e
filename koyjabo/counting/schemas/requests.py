"""Request bodies about visits."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from koyjabo.core.errors import InvalidInput
from koyjabo.core.urls import page_path, without_query
from koyjabo.counting.records import NewVisit
from koyjabo.network import campaigns
from koyjabo.network.user_agents import is_bot
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Address, Milliseconds, OptionalFlag, Text, VisitId, VisitorId, text, visit_id

REFUSALS = {
    400: "a field is not valid; nothing was counted",
    413: "over 16 KB; nothing was counted",
    415: "not JSON; nothing was counted",
    429: "too many from this address or visitor; nothing was counted; see Retry-After",
    503: "the data could not be committed, so nothing was counted; see Retry-After",
}

ANONYMOUS = "keep nothing that could identify the visitor later; the headers Sec-GPC: 1 and DNT: 1 do the same"


OnlyTrue = Annotated[bool, BeforeValidator(lambda value: value is True), WithJsonSchema({})]


class ForgetBody(Body):
    visitorId: VisitorId


class NewVisitBody(Body):
    """A visit, as a page sends it when it opens. Only `visitorId` is required."""

    visitorId: VisitorId = Field(examples=["visitor_1702757318000_a1b2c3d4e"])
    timestamp: Milliseconds = Field(
        None, description="ms since 1970 by the client's clock; also as a string of digits", examples=[1702757318000]
    )
    userAgent: Text = Field(None, description="default: the User-Agent header")
    referrer: Text = Field(None, description='stored as origin and path; "direct" means none')
    visitId: VisitId = Field(
        None, description="the client's own id of this visit; a retry with the same id is not counted again"
    )
    communityId: Text = Field(None, description="id or ref: counts the visit for this community and for the site")
    page: Address = Field(
        None,
        description="the opened page, stored as its path; the utm_ parameters of its query are the visit's campaign",
        examples=["/history?utm_source=newsletter"],
    )
    anonymous: OptionalFlag = Field(False, description=ANONYMOUS)
    webdriver: OnlyTrue = Field(False, description="`navigator.webdriver`; any value other than true is ignored")

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        body = super().read(data, environ)
        if body.visitId is None and "HTTP_IDEMPOTENCY_KEY" in environ:
            body.visitId = _idempotency_key(environ["HTTP_IDEMPOTENCY_KEY"])
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
            referrer=None if self.referrer == "direct" else without_query(self.referrer),
            user_agent=self.userAgent,
            page=page_path(self.page),
            is_bot=is_crawler,
            automated=is_crawler or self.webdriver,
            campaign=campaigns.of_page(self.page),
            **known,
        )


def _idempotency_key(header: str) -> str | None:
    """The header's value, with quotation marks, as the draft standard demands, or without, as most clients send it."""
    try:
        return visit_id(header.strip().removeprefix('"').removesuffix('"'))
    except PydanticCustomError as error:
        raise InvalidInput(details={"Idempotency-Key": error.message()}) from None
