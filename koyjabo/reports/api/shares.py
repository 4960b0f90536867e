"""/api/shares: create, list and revoke share links."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.clock import MOMENT, iso
from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.login import login_limits
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import ShareLink
from koyjabo.reports.shares import NewLink
from koyjabo.reports.ui.share_forms import Range
from koyjabo.web.blueprints import api as bp
from koyjabo.web.current import current
from koyjabo.web.http.responses import json_response, list_response, no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ListOf, ResponseSpec, describe
from koyjabo.web.pages import links
from koyjabo.web.schemas.bodies import JSON, Body
from koyjabo.web.schemas.fields import NULL, Moment, Name, NewPassword, refuse
from koyjabo.web.schemas.paging import QUERY, Paging

ALLOWED: dict[int, ResponseSpec] = {
    **LOGGED_IN,
    **CHANGE,
    403: "only for site admins, and for moderators who filter by one of their communities",
}


INTERVAL = "2026-11-01/2026-11-15"
NOT_FILTERS = N_("must be lists of values by dimension")


def _filters(value: Any) -> dict[str, list[str]]:
    """Parse filters. A value may be null (not recorded), which a query string writes as ""."""
    if not isinstance(value, dict) or not all(isinstance(texts, list) for texts in value.values()):
        raise refuse(NOT_FILTERS)
    if not all(text is None or isinstance(text, str) for values in value.values() for text in values):
        raise refuse(NOT_FILTERS)
    return {name: [text or "" for text in values] for name, values in value.items()}


TEXTS = {"type": "array", "items": {"anyOf": [{"type": "string"}, NULL]}}
Filters = Annotated[
    dict[str, list[str]],
    BeforeValidator(_filters),
    WithJsonSchema({"type": "object", "additionalProperties": TEXTS}),
]


class NewShareBody(Body):
    """A new share link. Only `name` is required."""

    media = JSON

    name: Name = Field(examples=["Search traffic"])
    filters: Filters = Field(
        default_factory=dict,
        description='values by dimension, as in a report query: a leading "!" excludes a value',
        examples=[{"source": ["google.com"]}],
    )
    range: Range = Field(
        None,
        description=f"shown unless readers choose another: a name, or two days such as {INTERVAL}; default 30d",
    )
    password: NewPassword | None = Field(None, description="must be entered before anything is shown")
    expires_at: Moment = Field(None, description="default: never", examples=[MOMENT])

    def link(self) -> NewLink:
        return NewLink(self.name, self.filters, self.range, self.password, self.expires_at)


class ShareResponse(BaseModel):
    """A share link, without its token."""

    id: str
    name: str
    filters: dict[str, list[str]]
    range: str | None
    has_password: bool
    created_at: str = Field(examples=[MOMENT])
    created_by: str = Field(description="a name")
    expires_at: str | None = Field(examples=[MOMENT])
    used_at: str | None = Field(description="when it was last opened, to the minute; null if never", examples=[MOMENT])

    @classmethod
    def of(cls, link: ShareLink) -> ShareResponse:
        return cls(
            id=link.id,
            name=link.name,
            filters=link.filters,
            range=link.range,
            has_password=link.has_password,
            created_at=iso(link.created_ms),
            created_by=link.created_by,
            expires_at=None if link.expires_ms is None else iso(link.expires_ms),
            used_at=None if link.used_ms is None else iso(link.used_ms),
        )


class NewShareResponse(BaseModel):
    """A new share link. Its token is not shown again."""

    id: str
    token: str
    url: str = Field(examples=["https://live.example.com/share/qLm0…"])
    filters: dict[str, list[str]]


@bp.post("/shares")
@describe(
    "Create a share link",
    {
        201: NewShareResponse,
        **WITH_BODY,
        **ALLOWED,
        404: "no such community",
        409: "you have the maximum number of links for one account",
    },
    body=NewShareBody,
)
def create_share() -> Response:
    """Create a share link. Anyone who has the link sees the reports on these visits. Moderators must filter by one of
    their communities: `{"community": [id]}`.
    """
    account, shares = tokens.require_account().account, current()[ReportServices].shares
    shares.require_some(account)  # before the body is parsed; the body names the community, which is checked later
    link = NewShareBody.of(request).link()
    made, token = shares.create(account, link, login_limits.client(is_familiar=True))
    return json_response(
        NewShareResponse(id=made.id, token=token, url=links.to("pages.share", token=token), filters=made.filters), 201
    )


@bp.get("/shares")
@describe(
    "List share links",
    {200: ListOf(ShareResponse), 400: "no such page", **LOGGED_IN, 403: ALLOWED[403]},
    query={**QUERY, "community": "id or external id of a community, to list only its links"},
)
def list_shares() -> Response:
    """List the share links, newest first. Moderators see the links of their communities."""
    account, paging = tokens.require_account().account, Paging.of(request)
    community_id = current().identities.community_id_if_any(request.args.get("community"))
    page = current()[ReportServices].shares.page(account, paging.start, paging.per_page, community_id)
    return list_response(map(ShareResponse.of, page.items), paging.headers(page.total))


@bp.delete("/shares/<share_id>")
@describe("End a share link", {204: None, **ALLOWED, 404: "no such link"})
def end_share(share_id: str) -> Response:
    """Revoke a share link. From then on, it shows nothing."""
    current()[ReportServices].shares.end(tokens.require_account().account, share_id)
    return no_content()
