"""The body of `POST /api/visits`: visits reported by another server, each validated separately (specification: Visits
from other servers).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from koyjabo.core.errors import InvalidInput
from koyjabo.counting.records import NewVisit
from koyjabo.counting.schemas.requests import NewVisitBody
from koyjabo.network import languages
from koyjabo.webkit.schemas.bodies import JSON, LARGER_BODY, Body, sentence
from koyjabo.webkit.schemas.fields import Address, Text, VisitorId, refuse, visit_id
from koyjabo.webkit.schemas.moments import Moment

MAX_VISITS = 500
"""Maximum number of visits in a list."""

NO_LIST = f"must be a list of at most {MAX_VISITS} visits"


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_VISITS:
        raise refuse(NO_LIST)
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

    media = JSON
    largest = LARGER_BODY

    visits: Annotated[list[Any], BeforeValidator(_list)] = Field(
        description="objects with visitorId, visitId and optionally at, page, referrer, userAgent, language, address "
        "(used for the location and kind of network, not stored) and communityId",
        examples=[[{"visitorId": "v-81", "visitId": "req-5512", "page": "/fares", "address": "203.0.113.7"}]],
        json_schema_extra={"maxItems": MAX_VISITS},
    )


class SentVisit(BaseModel):
    """A reported visit. The request's headers do not apply to it, because they describe the other server."""

    model_config = ConfigDict(extra="ignore")

    visitorId: VisitorId
    visitId: Annotated[str, BeforeValidator(visit_id)]
    at: Moment = None
    page: Address = None
    referrer: Text = None
    userAgent: Text = None
    language: Text = None
    address: Annotated[str | None, BeforeValidator(_ip_address)] = None
    communityId: Text = None

    @classmethod
    def of(cls, sent: Any) -> SentVisit:
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
            userAgent=self.userAgent,
            referrer=self.referrer,
            visitId=self.visitId,
            page=self.page,
        )
        return body.as_visit(at_ms, language=languages.first_of(self.language), **known)
