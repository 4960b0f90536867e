"""/api/shares: create, list and revoke share links."""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.login import login_limits
from koyjabo.core.identity import CommunityIds
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui.share_requests import NewShareBody, NewShareResponse, ShareResponse
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import json_response, list_response, no_content
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ListOf, ResponseSpec, describe
from koyjabo.webkit.pages import links
from koyjabo.webkit.schemas.paging import QUERY, Paging

ALLOWED: dict[int, ResponseSpec] = {
    **LOGGED_IN,
    **CHANGE,
    403: "only for site admins, and for moderators who filter by one of their communities",
}


@bp.post("/shares")
@describe(
    "Make a share link",
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
    community_id = current()[CommunityIds].resolve_if_any(request.args.get("community"))
    page = current()[ReportServices].shares.page(account, paging.start, paging.per_page, community_id)
    return list_response(map(ShareResponse.of, page.items), paging.headers(page.total))


@bp.delete("/shares/<share_id>")
@describe("End a share link", {204: None, **ALLOWED, 404: "no such link"})
def end_share(share_id: str) -> Response:
    """Revoke a share link. From then on, it shows nothing."""
    current()[ReportServices].shares.end(tokens.require_account().account, share_id)
    return no_content()
