"""/api/shares: create, list and revoke share links, and read the reports of a link. A link's filters are added
to a request's filters.
"""

import json

from flask import Response, request

from koyjabo.base.network import client_address
from koyjabo.people.accounts.login import login_limits
from koyjabo.reports.calls.places import FILTER_PARAMETERS, REPORT_REFUSALS, add_reports
from koyjabo.reports.calls.responses import respond
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.query.ranges import DEFAULT_RANGE
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import json_response, list_response, no_content
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import BODY_REFUSALS, CHANGE_REFUSALS, LOGIN_REFUSALS
from koyjabo.web.openapi.response_specs import ListOf, ResponseSpec
from koyjabo.web.pages import links
from koyjabo.web.schemas.paging import PAGING_ARGUMENTS, Paging
from .reader import require_pass
from .schemas import NewShareBody, NewShareResponse, ShareResponse
from .share_links import ShareLinks, check, scope_of

bp = api_blueprint("shares")

declare(bp, "/api/shares", PathPolicy.ALLOWED_ORIGINS, tag="reports")

SHARING_RESPONSES: dict[int, ResponseSpec] = {
    **LOGIN_REFUSALS,
    **CHANGE_REFUSALS,
    403: "only for site admins, and for moderators who filter by one of their communities",
}

OF_LINK: dict[int, ResponseSpec] = {
    401: "the link has a password that has not been entered in this browser yet",
    404: "the link is not valid, or no longer valid",
    **REPORT_REFUSALS,
}


@bp.post("/shares")
@describe(
    "Create a share link",
    {
        201: NewShareResponse,
        **BODY_REFUSALS,
        **SHARING_RESPONSES,
        404: "no such community",
        409: "you have the maximum number of links for one account",
    },
    body=NewShareBody,
)
def create_share() -> Response:
    """Create a share link. Anyone who has the link sees the reports on these visits. Moderators must filter by one of
    their communities: `{"community": [id]}`.
    """
    account, shares = tokens.require_account().account, current()[ShareLinks]
    shares.require_some(account)  # before the body is parsed; the body names the community, which is checked later
    body, client = NewShareBody.of(request), login_limits.client(is_familiar=True)
    share, token = shares.create(account, body.name, body.filters, body.range, body.password, body.expires_at, client)
    url, filters = links.to("pages_shares.share", token=token), json.loads(share.filters)
    return json_response(NewShareResponse(id=share.id, token=token, url=url, filters=filters), 201)


@bp.get("/shares")
@describe(
    "List share links",
    {200: ListOf(ShareResponse), 400: "no such page", **LOGIN_REFUSALS, 403: SHARING_RESPONSES[403]},
    query={**PAGING_ARGUMENTS, "community": "id or external id of a community, to list only its links"},
)
def list_shares() -> Response:
    """List the share links, newest first. Moderators see the links of their communities."""
    account, paging = tokens.require_account().account, Paging.of(request)
    community_id = current().identities.community_id_if_any(request.args.get("community"))
    page = current()[ShareLinks].page(account, paging.start, paging.per_page, community_id)
    return list_response(map(ShareResponse.model_validate, page.items), paging.headers(page.total))


@bp.delete("/shares/<share_id>")
@describe("End a share link", {204: None, **SHARING_RESPONSES, 404: "no such link"})
def end_share(share_id: str) -> Response:
    """Revoke a share link. From then on, it shows nothing."""
    current()[ShareLinks].end(tokens.require_account().account, share_id)
    return no_content()


def _by_link(name: str, token: str) -> Response:
    limits.count_address("shared_reports")
    share_links = current()[ShareLinks]
    link = share_links.open(token)
    require_pass(link)
    check(request.args.items(multi=True))
    own = scope_of(link), share_links.filters(link), link.range or DEFAULT_RANGE
    address = client_address.limit_key(request.environ)
    insights = current()[Insights].for_public().for_reader(f"share {link.id}", address=address)
    return respond(name, *own, insights=insights)


add_reports(
    bp,
    "/shares/<token>/reports/",
    "shared_",
    ", with a share link",
    "Anyone with the link can read this.",
    OF_LINK,
    FILTER_PARAMETERS,
    _by_link,
    secured=False,
)
