"""/api/communities: list, create, get, change and delete communities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Response, request

from koyjabo.communities.communities import CommunityAccess
from koyjabo.communities.schemas import CommunityAnswer, CommunityChangesBody, NewCommunityBody
from koyjabo.communities.services import CommunityServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer, no_answer
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, CSRF, INSIDE, LOGGED_IN, TOO_MANY, WITH_BODY, ListOf, describe
from koyjabo.webkit.schemas.paging import QUERY, Paging


def community_answer(access: CommunityAccess) -> CommunityAnswer:
    return next(community_answers([access]))


def community_answers(accesses: Sequence[CommunityAccess]) -> Iterator[CommunityAnswer]:
    """With the number of people online."""
    online = current()[CommunityServices].people.online(*(access.community.id for access in accesses))
    return map(CommunityAnswer.of, accesses, online)


@bp.get("/communities")
@describe(
    "List communities",
    {200: ListOf(CommunityAnswer), 400: "no such page", **LOGGED_IN},
    query=QUERY,
)
def list_communities() -> Response:
    """Listed communities and your own, by members and then by name; for a site admin all. `X-Total-Count` is their
    number."""
    account, paging = tokens.require().account, Paging.of(request)
    page = current()[CommunityServices].directory.list(account, paging.start, paging.per_page)
    return list_answer(community_answers([each.access for each in page.items]), paging.headers(page.total))


@bp.post("/communities")
@describe(
    "Create a community",
    {
        201: CommunityAnswer,
        409: "you have created as many as one account may",
        **WITH_BODY,
        **TOO_MANY,
        **LOGGED_IN,
        **CSRF,
    },
    body=NewCommunityBody,
)
def create_community() -> Response:
    """You become its admin."""
    account, body = tokens.require().account, NewCommunityBody.of(request)
    limits.count_action(account.id)
    access = current()[CommunityServices].directory.create(account, **body.values())
    return answer(community_answer(access), 201)


@bp.get("/communities/<community_id>")
@describe("Get a community", {200: CommunityAnswer, **INSIDE})
def get_community(community_id: str) -> Response:
    """For members."""
    return answer(community_answer(current()[CommunityServices].directory.get(tokens.require().account, community_id)))


@bp.patch("/communities/<community_id>")
@describe("Change a community", {200: CommunityAnswer, **WITH_BODY, **CHANGE, **INSIDE}, body=CommunityChangesBody)
def change_community(community_id: str) -> Response:
    """For admins."""
    account, body = tokens.require().account, CommunityChangesBody.of(request)
    return answer(
        community_answer(current()[CommunityServices].directory.change(account, community_id, **body.changes()))
    )


@bp.delete("/communities/<community_id>")
@describe("Delete a community", {204: None, **CHANGE, **INSIDE})
def delete_community(community_id: str) -> Response:
    """For admins. All memberships end. Its visits still count for the site."""
    current()[CommunityServices].directory.delete(tokens.require().account, community_id)
    return no_answer()
