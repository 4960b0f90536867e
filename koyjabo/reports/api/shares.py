"""/api/shares: create, list and revoke share links."""

import json
from typing import Annotated, Any

from flask import Response, request
from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.clock import MOMENT
from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.login import login_limits
from koyjabo.reports.models import Share
from koyjabo.reports.query.parameters import is_interval
from koyjabo.reports.query.report_query import RANGES
from koyjabo.reports.services import ReportServices
from koyjabo.web.current import api as bp, current
from koyjabo.web.http import cookies
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import Time, json_response, list_response, no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ListOf, ResponseSpec, describe
from koyjabo.web.pages import links
from koyjabo.web.schemas.bodies import NULL, Body, Moment, Name, NewPassword, refuse
from koyjabo.web.schemas.paging import QUERY, Paging

declare(bp, "/api/shares", PathPolicy.ALLOWED_ORIGINS, tag="reports")

ALLOWED: dict[int, ResponseSpec] = {
    **LOGGED_IN,
    **CHANGE,
    403: "only for site admins, and for moderators who filter by one of their communities",
}


INTERVAL = "2026-11-01/2026-11-15"
NOT_FILTERS = N_("must be lists of values by dimension")
NOT_A_RANGE = N_(
    "must be one of hour, today, yesterday, 7d, 30d, 90d, 365d, month, all, or two days such as 2026-11-01/2026-11-15"
)


def _range(value: Any) -> str | None:
    if value is None or value in RANGES or (isinstance(value, str) and is_interval(value)):
        return None if value is None else str(value)
    raise refuse(NOT_A_RANGE)


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

DAYS = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
Range = Annotated[
    str | None,
    BeforeValidator(_range),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(RANGES)}, DAYS, NULL]}),
]


class NewShareBody(Body):
    """A new share link. Only `name` is required."""

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


class ShareResponse(BaseModel):
    """A share link, without its token."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    filters: Annotated[dict[str, list[str]], BeforeValidator(json.loads)]
    range: str | None
    has_password: Annotated[bool, BeforeValidator(bool)] = Field(validation_alias="password")
    created_at: Time = Field(validation_alias="created_ms", examples=[MOMENT])
    created_by: str = Field(validation_alias=AliasPath("maker", "name"), description="a name")
    expires_at: Time | None = Field(validation_alias="expires_ms", examples=[MOMENT])
    used_at: Time | None = Field(
        validation_alias="used_ms",
        description="when it was last opened, to the minute; null if never",
        examples=[MOMENT],
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
    body, client = NewShareBody.of(request), login_limits.client(is_familiar=True)
    share, token = shares.create(account, body.name, body.filters, body.range, body.password, body.expires_at, client)
    url, filters = links.to("pages.share", token=token), json.loads(share.filters)
    return json_response(NewShareResponse(id=share.id, token=token, url=url, filters=filters), 201)


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
    return list_response(map(ShareResponse.model_validate, page.items), paging.headers(page.total))


@bp.delete("/shares/<share_id>")
@describe("End a share link", {204: None, **ALLOWED, 404: "no such link"})
def end_share(share_id: str) -> Response:
    """Revoke a share link. From then on, it shows nothing."""
    current()[ReportServices].shares.end(tokens.require_account().account, share_id)
    return no_content()


def require_pass(link: Share) -> str:
    """Return this browser's pass. Raises ShareLocked unless the browser may see the link's content."""
    proof = cookies.get(pass_cookie(link))
    current()[ReportServices].shares.require_pass(link, proof)
    return proof


def pass_cookie(link: Share) -> str:
    """The name of the cookie that keeps the pass."""
    return f"share_{link.id[:8]}"
