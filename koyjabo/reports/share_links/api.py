"""/api/shares: create, list and revoke share links, and read the reports of a link. A link's filters are added
to a request's filters.
"""

import json

from flask import Response, request

from koyjabo.base.core.identity import Account
from koyjabo.base.network import client_address
from koyjabo.people.accounts.login import login_limits
from koyjabo.reports.calls.places import FILTER_PARAMETERS, REPORT_REFUSALS, add_reports
from koyjabo.reports.calls.responses import respond
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.query.ranges import DEFAULT_RANGE
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import list_response
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.call import BY_ACCOUNT, call
from koyjabo.web.openapi.refusals import LOGIN_REFUSALS, Caller
from koyjabo.web.openapi.response_specs import ListOf, ResponseSpec
from koyjabo.web.pages import links
from koyjabo.web.schemas.paging import PAGING_ARGUMENTS, Paging
from .reader import require_pass
from .share_links import ShareLinks, check, scope_of
from .share_schemas import NewShareBody, NewShareResponse, ShareResponse

bp = api_blueprint("shares")

declare(bp, "/api/shares", PathPolicy.ALLOWED_ORIGINS, tag="reports")

ONLY_SHARERS = "only for site admins, and for moderators who filter by one of their communities"

OF_LINK: dict[int, ResponseSpec] = {
    401: "the link has a password that has not been entered in this browser yet",
    404: "the link is not valid, or no longer valid",
    **REPORT_REFUSALS,
}


def _sharer(**_: str) -> Account:
    account = tokens.require_account().account
    current()[ShareLinks].require_some(account)  # the body names the community, which is checked later
    return account


@bp.post("/shares")
@call(
    "Create a share link",
    Caller(_sharer, {**LOGIN_REFUSALS, 403: ONLY_SHARERS}),
    {404: "no such community", 409: "you have the maximum number of links for one account"},
    status=201,
)
def create_share(account: Account, body: NewShareBody) -> NewShareResponse:
    """Create a share link. Anyone who has the link sees the reports on these visits. Moderators must filter by one of
    their communities: `{"community": [id]}`.
    """
    client, shares = login_limits.client(is_familiar=True), current()[ShareLinks]
    share, token = shares.create(account, body.name, body.filters, body.range, body.password, body.expires_at, client)
    url, filters = links.to("pages_shares.share", token=token), json.loads(share.filters)
    return NewShareResponse(id=share.id, token=token, url=url, filters=filters)


@bp.get("/shares")
@call(
    "List share links",
    BY_ACCOUNT,
    {200: ListOf(ShareResponse), 400: "no such page", 403: ONLY_SHARERS},
    query={**PAGING_ARGUMENTS, "community": "id or external id of a community, to list only its links"},
)
def list_shares(account: Account) -> Response:
    """List the share links, newest first. Moderators see the links of their communities."""
    paging, community = Paging.of(request), current().identities.community_id_if_any(request.args.get("community"))
    page = current()[ShareLinks].page(account, paging.start, paging.per_page, community)
    return list_response(map(ShareResponse.model_validate, page.items), paging.headers(page.total))


@bp.delete("/shares/<share_id>")
@call("End a share link", BY_ACCOUNT, {403: ONLY_SHARERS, 404: "no such link"})
def end_share(account: Account, share_id: str) -> None:
    """Revoke a share link. From then on, it shows nothing."""
    current()[ShareLinks].end(account, share_id)


def _by_link(name: str, token: str) -> Response:
    limits.count_address("shared_reports")
    share_links = current()[ShareLinks]
    link = share_links.open(token)
    require_pass(link)
    check(request.args.items(multi=True))
    own = scope_of(link), share_links.filters(link), link.range or DEFAULT_RANGE
    address = client_address.limit_key(request.environ)
    insights = current()[Insights].for_public(own[1]).for_reader(f"share {link.id}", address=address)
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
