"""/communities: list, create, join and leave communities."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.communities.communities import ORDERS, CommunitySearch
from koyjabo.communities.roles import MEMBER
from koyjabo.communities.schemas import JoinBody
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import community_forms, community_page, member_forms
from koyjabo.communities.ui.community_page import EnteredCommunity
from koyjabo.core.errors import Forbidden, KoyJaboError, LastAdmin
from koyjabo.core.identity import Account
from koyjabo.counting.services import CountingServices
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.errors import STATUS
from koyjabo.webkit.pages.flash import done


@bp.get("/communities")
def list_communities() -> str:
    """The communities that the user may see; without a login, an introduction."""
    login = page_login.login()
    return _list(login.account) if login else render_template("communities/welcome.html")


def _list(account: Account) -> str:
    search = _search()
    communities = pagination.list_page(partial(current()[CommunityServices].directory.list, account, search=search))
    accesses = [each.access for each in communities.items]
    shown = [each.community.id for each in accesses if each.role or each.community.public_count]
    online = community_page.online(shown)
    return render_template("communities/list.html", found=communities, search=search, online=online)


def _search() -> CommunitySearch:
    order = request.args.get("order", "")
    return CommunitySearch(request.args.get("query", "").strip(), order if order in ORDERS else "mine")


@bp.get("/communities/new")
def new_community() -> str:
    page_login.require()
    return render_template("communities/new.html", form=community_forms.founding())


@bp.post("/communities/new")
def create_community() -> Response:
    account, form = page_login.require(), community_forms.founding()
    body = form.read()
    if body is None:
        return make_response(render_template("communities/new.html", form=form), 422)
    limits.count_action(account.id)
    created = current()[CommunityServices].directory.create(account, **body.values())
    return done("founded", "pages.community", created.community.name, community_id=created.community.id)


@bp.get("/communities/<community_id>")
def community(community_id: str) -> Response:
    """For members, the stats; for others who may see the community, how to join."""
    return _show(community_page.enter(community_id))


@bp.post("/communities/<community_id>/join")
def join_community(community_id: str) -> Response:
    account, body = page_login.require(), Form(JoinBody).read()
    try:
        current()[CommunityServices].directory.join(account, community_id)
    except Forbidden as error:
        return _show(community_page.enter(community_id), error)
    if body is not None and body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    name = current()[CommunityServices].directory.known(account, community_id).community.name
    return done("joined", "pages.community", name, community_id=community_id)


@bp.post("/communities/<community_id>/leave")
def leave_community(community_id: str) -> Response:
    """Redirects to the list, because the page of an unlisted community is no longer accessible."""
    account, back = page_login.require(), url_for("pages.community", community_id=community_id)
    try:
        community, member = current()[CommunityServices].directory.removable(account, community_id, account.id)
        confirm(member_forms.removal(account, community, member, back))
        current()[CommunityServices].directory.leave(account, community_id)
    except LastAdmin as error:
        return _show(community_page.enter(community_id), error)
    return done("left", "pages.list_communities", community.name)


def _show(at: EnteredCommunity, problem: KoyJaboError | None = None) -> Response:
    """`problem` is the error of the action that led here."""
    status = STATUS[problem.code] if problem else 200
    if not at.may(MEMBER):
        shown = community_page.online([at.community.id] if at.community.public_count else [])
        return community_page.page(
            "communities/outside", at, status, problem=problem, online=shown.get(at.community.id)
        )
    (online,) = current()[CommunityServices].people.online(at.scope)
    values = {
        "stats": current()[CountingServices].visits.community(at.scope).stats().as_object(),
        "online": online,
        "peak": current()[PresenceServices].peaks.get(at.scope)["day"],
        "hours": [hour.visited.visits for hour in current()[CountingServices].history.last_hours(at.scope)],
    }
    return community_page.page("communities/community", at, status, problem=problem, **values)
