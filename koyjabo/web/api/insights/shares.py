"""/api/shares: make, list and end share links."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.api import bp
from koyjabo.web.api.communities import CHANGE, LOGGED_IN, WITH_BODY
from koyjabo.web.api.community_responses import answer, list_answer, no_answer
from koyjabo.web.api.insights.share_requests import NewShareAnswer, NewShareBody, ShareAnswer
from koyjabo.web.api.paging import QUERY, Paging
from koyjabo.web.current import current
from koyjabo.web.operations.openapi import Answer, ListOf, describe
from koyjabo.web.security import rate_limits, tokens
from koyjabo.web.ui import links

ALLOWED: dict[int, Answer] = {
    **LOGGED_IN,
    **CHANGE,
    403: "for admins of the site; for moderators, with the filter by one community of theirs",
}


@bp.post("/shares")
@describe(
    "Make a share link",
    {
        201: NewShareAnswer,
        **WITH_BODY,
        **ALLOWED,
        404: "no such community",
        409: "you have as many as one account may",
    },
    body=NewShareBody,
)
def create_share() -> Response:
    """Everyone who has the link sees the reports of these visits. Moderators filter by one community of theirs:
    `{"community": [id]}`."""
    account, body = tokens.require().account, NewShareBody.of(request)
    made, token = current().shares.create(account, body.link(), rate_limits.client(is_familiar=True))
    return answer(NewShareAnswer(id=made.id, token=token, url=links.share(token), filters=made.filters), 201)


@bp.get("/shares")
@describe(
    "List share links",
    {200: ListOf(ShareAnswer), 400: "no such page", **LOGGED_IN, 403: ALLOWED[403]},
    query={**QUERY, "community": "the id of a community: its links alone"},
)
def list_shares() -> Response:
    """All links, newest first; for moderators, those of their communities."""
    account, paging = tokens.require().account, Paging.of(request)
    community_id = request.args.get("community")
    found = current().shares.page(account, paging.start, paging.per_page, community_id)
    return list_answer(map(ShareAnswer.of, found.items), paging.headers(found.total))


@bp.delete("/shares/<share_id>")
@describe("End a share link", {204: None, **ALLOWED, 404: "no such link"})
def end_share(share_id: str) -> Response:
    """The link shows nothing from now on."""
    current().shares.end(tokens.require().account, share_id)
    return no_answer()
