"""/communities/…/members: list, add and remove members, change roles."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, request, url_for

from koyjabo.accounts.services import AccountServices
from koyjabo.communities.roles import ADMIN, MEMBER
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import community_page, member_forms
from koyjabo.communities.ui.community_page import EnteredCommunity
from koyjabo.communities.ui.member_forms import NO_PROBLEM, MemberChange, MemberProblem, Result
from koyjabo.mail.outbox import MailOutbox
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.flash import done


@bp.get("/communities/<community_id>/members")
def members(community_id: str) -> Response:
    return _show(community_page.enter(community_id, MEMBER))


@bp.post("/communities/<community_id>/members")
def invite_member(community_id: str) -> Response:
    account = page_login.require()
    result = member_forms.invite(account, community_id, partial(limits.count_action, account.id))
    return _result(result, community_id)


@bp.post("/communities/<community_id>/members/<user_id>")
def set_role(community_id: str, user_id: str) -> Response:
    return _result(member_forms.set_role(page_login.require(), community_id, user_id), community_id)


@bp.post("/communities/<community_id>/members/<user_id>/remove")
def remove_member(community_id: str, user_id: str) -> Response:
    """Redirects users who remove themselves to the list of communities."""
    account, back = page_login.require(), url_for("pages.members", **_list(community_id))
    result = member_forms.remove(account, community_id, user_id, back)
    if isinstance(result, MemberChange) and user_id.lower() == account.id:
        return done(result.code, "pages.list_communities", result.about)
    return _result(result, community_id)


def _result(result: Result, community_id: str) -> Response:
    if isinstance(result, MemberProblem):
        return _show(community_page.enter(community_id, ADMIN), result)
    return done(result.code, "pages.members", result.about, result.undo, **_list(community_id))


def _list(community_id: str) -> dict[str, Any]:
    """Where the list goes on after an action."""
    return {"community_id": community_id, **{name: request.args.get(name) for name in ("page", "query", "role")}}


def _show(at: EnteredCommunity, problem: MemberProblem = NO_PROBLEM) -> Response:
    community_id = at.community.id
    search = member_forms.search()
    read = partial(current()[CommunityServices].directory.members, at.account, community_id, search=search)
    listed = pagination.list_page(read, "pages.members", community_id=community_id)
    values: dict[str, Any] = {"found": listed, "search": search, "form": problem.form, "refused": problem.refused}
    if at.may(ADMIN):
        values |= {
            "invitations": member_forms.pending(at.account, community_id),
            "sends_mails": current()[MailOutbox].is_on,
        }
        values["is_confirmed"] = current()[AccountServices].email_links.state(at.account).is_verified
    return community_page.page("communities/members", at, problem.status, **values)
