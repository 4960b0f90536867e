"""Community pages: the list; a community's room, with its numbers and, for moderators, the names of the people online;
its members, invitations and settings.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import Forbidden, KoyJaboError, LastAdmin
from koyjabo.base.core.identity import SITE_ADMIN
from koyjabo.base.settings.schema import requires
from koyjabo.communities import ui as member_forms
from koyjabo.communities.live import online_people
from koyjabo.communities.live.online_people import NEWEST, OnlineSearch
from koyjabo.communities.queries import ORDERS, CommunitySearch
from koyjabo.communities.roles import ADMIN, MEMBER, MODERATOR
from koyjabo.communities.schemas import JoinBody
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import NO_PROBLEM, EnteredCommunity, MemberChange, MemberProblem, Result
from koyjabo.counting.last_hour import columns
from koyjabo.counting.services import CountingServices
from koyjabo.people.accounts.login.invitations import link
from koyjabo.people.accounts.second_factor.one_time_codes import svg
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.invitations import PanelRole
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.services import PresenceServices
from koyjabo.web.blueprints import pages as bp
from koyjabo.web.current import current
from koyjabo.web.forms import confirmation
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import count
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login
from koyjabo.web.pages import pagination, redirects
from koyjabo.web.pages.flash import done

SHOWN = 100
"""Number of people per page."""

PARAMETERS = {"query", "order", "page", "per_page", "part"}
PEOPLE = "people"
"""The part of the page that its script requests when people come or go."""


@bp.get("/communities/<community_id>")
def community(community_id: str) -> Response:
    """Show members the numbers, and show other people who may see the community how to join or log in."""
    return show(member_forms.enter(community_id) if page_login.login() else member_forms.look_at(community_id))


@bp.get("/communities/<community_id>/dashboard")
def dashboard(community_id: str) -> Response:
    """Redirect the address of a former page to the room or the reports."""
    page = "community_reports" if request.args.keys() - PARAMETERS else "community"
    return redirects.with_query(url_for(f"pages.{page}", community_id=community_id), 301)


def show(at: EnteredCommunity, problem: KoyJaboError | None = None) -> Response:
    """Show the room. `problem` is the error of an action on this page."""
    status = problem.status if problem else 200
    if not at.may(MEMBER):
        shown = member_forms.online([at.community.id] if at.community.public_count else [])
        return member_forms.page("communities/outside", at, status, problem=problem, online=shown.get(at.community.id))
    if at.may(MODERATOR):
        limits.count_report(at.account.id)
        if request.args.get("part") == PEOPLE:
            return make_response(render_template("communities/online_part.html", at=at, **_people(at)))
    values: dict[str, Any] = {
        "stats": current()[CountingServices].visits.community(at.scope).stats().as_object(),
        "peaks": current()[PresenceServices].peaks.get(at.scope),
        "hours": [hour.visits for hour in current()[CountingServices].history.last_hours(at.scope)],
    }
    if at.may(MODERATOR):
        values |= _people(at) | _today(at)
    else:
        values["online"] = member_forms.online([at.community.id])[at.community.id]
    return member_forms.page("communities/community", at, status, problem=problem, **values)


def _today(at: EnteredCommunity) -> dict[str, Any]:
    data = current()[CommunityServices].dashboards.current(at.scope).data
    minutes = columns(current().clock, data["minutes"], series=2)
    return {"today": data["today_visitors"], "arrivals": data["arrivals"], "minutes": minutes}


def _people(at: EnteredCommunity) -> dict[str, Any]:
    """The list of people, and the number of all people online. Raises InvalidInput."""
    communities, search = current()[CommunityServices], _online_search()
    (online,) = communities.people.online(at.scope)
    people = pagination.list_page(partial(communities.people.page, at.scope, search), per_page=SHOWN)
    shown = [person.user_id for person in people.items] if at.may(ADMIN) else []
    roles = communities.directory.roles(at.scope, shown)
    return {"found": people, "search": search, "roles": roles, "online": online, "now_ms": current().clock.now_ms()}


def _online_search() -> OnlineSearch:
    order = request.args.get("order", NEWEST)
    return OnlineSearch(request.args.get("query", "").strip(), order if order in online_people.ORDERS else NEWEST)


FROM_ROOM = "room"


@bp.get("/communities")
def list_communities() -> str:
    """List the communities that the reader may see. Without a login, show an introduction, then the listed
    communities.
    """
    login = page_login.login()
    account, search = login.account if login else member_forms.STRANGER, _search()
    communities = pagination.list_page(partial(current()[CommunityServices].directory.list, account, search=search))
    accesses = [access.access for access in communities.items]
    shown = [access.community.id for access in accesses if access.role or access.community.public_count]
    online = member_forms.online(shown)
    values = {"found": communities, "search": search, "online": online}
    return render_template("communities/list.html", is_known=login is not None, **values)


def _search() -> CommunitySearch:
    order = request.args.get("order", "")
    return CommunitySearch(request.args.get("query", "").strip(), order if order in ORDERS else "mine")


@bp.get("/communities/new")
def new_community() -> str:
    page_login.require()
    return render_template("communities/new.html", form=member_forms.founding())


@bp.post("/communities/new")
def create_community() -> Response:
    account, form = page_login.require(), member_forms.founding()
    body = form.read()
    if body is None:
        return make_response(render_template("communities/new.html", form=form), 422)
    limits.count_action(account.id)
    created = current()[CommunityServices].directory.create(account, **body.values())
    return done("founded", "pages.community", created.community.name, community_id=created.community.id)


@bp.post("/communities/<community_id>/join")
def join_community(community_id: str) -> Response:
    account, body = page_login.require(), Form(JoinBody).read()
    try:
        current()[CommunityServices].directory.join(account, community_id)
    except Forbidden as error:
        return show(member_forms.enter(community_id), error)
    if body is not None and body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    name = current()[CommunityServices].directory.known(account, community_id).community.name
    return done("joined", "pages.community", name, community_id=community_id)


@bp.post("/communities/<community_id>/leave")
def leave_community(community_id: str) -> Response:
    """Leave the community, and redirect to the list, because an unlisted community's page is no longer accessible."""
    account, back = page_login.require(), url_for("pages.community", community_id=community_id)
    try:
        community, member = current()[CommunityServices].directory.removable(account, community_id, account.id)
        confirm(member_forms.removal(account, community, member, back))
        current()[CommunityServices].directory.leave(account, community_id)
    except LastAdmin as error:
        return show(member_forms.enter(community_id), error)
    return done("left", "pages.list_communities", community.name)


@bp.get("/communities/<community_id>/members")
def members(community_id: str) -> Response:
    return _show_members(member_forms.enter(community_id, MEMBER))


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
    """Remove a member. Users who remove themselves are redirected to the list of communities."""
    account, back = page_login.require(), url_for(_list_of_people(), **_member_list(community_id))
    result = member_forms.remove(account, community_id, user_id, back)
    if isinstance(result, MemberChange) and user_id.lower() == account.id:
        return done(result.code, "pages.list_communities", result.about)
    return _result(result, community_id)


def _result(result: Result, community_id: str) -> Response:
    if isinstance(result, MemberProblem):
        return _show_members(member_forms.enter(community_id, ADMIN), result)
    return done(result.code, _list_of_people(), result.about, result.undo, **_member_list(community_id))


def _list_of_people() -> str:
    """The endpoint of the page where the user chose the action."""
    return "pages.community" if request.args.get("from") == FROM_ROOM else "pages.members"


def _member_list(community_id: str) -> dict[str, Any]:
    """Values for the page after an action. An action in the room sends the person's name as `query`, so that the member
    list shows why it was refused.
    """
    kept = () if _list_of_people() == "pages.community" else ("page", "query", "role")
    return {"community_id": community_id, **{name: request.args.get(name) for name in kept}}


def _show_members(at: EnteredCommunity, problem: MemberProblem = NO_PROBLEM) -> Response:
    community_id = at.community.id
    search = member_forms.search()
    read = partial(current()[CommunityServices].directory.members, at.account, community_id, search=search)
    listed = pagination.list_page(read, "pages.members", community_id=community_id)
    values: dict[str, Any] = {"found": listed, "search": search, "form": problem.form, "refused": problem.refused}
    if at.may(ADMIN):
        values |= {
            "invitations": member_forms.pending(at.account, at.community),
            "sends_mails": current()[MailOutbox].is_on,
        }
        values["is_confirmed"] = current()[AccountServices].email_links.state(at.account).is_verified
    return member_forms.page("communities/members", at, problem.status, **values)


@bp.get("/invitations/<token>")
def invitation(token: str) -> Response:
    """Show who invited the reader, and to what. The reader can accept or decline after logging in."""
    offer = current()[CommunityServices].received.of(token).get(token)
    accounts = current()[AccountServices]
    is_to_panel = accounts.panel_invitations.owns(token)
    is_admin = is_to_panel and offer.role == SITE_ADMIN
    values = {
        "is_to_panel": is_to_panel,
        "asks_for_factor": is_to_panel and requires(accounts.pending.policy, is_admin),
    }
    page = make_response(render_template("communities/invitation.html", offer=offer, token=token, **values))
    page.headers["X-Robots-Tag"] = "noindex"
    return page


@bp.get("/invitations/<token>/code.svg")
def invitation_code(token: str) -> Response:
    """Draw the QR code for the link. This takes 5 ms, so only logged-in users may request it, and only for tokens made
    by this server.
    """
    page_login.require()
    current()[CommunityServices].received.of(token)
    response = Response(svg(link(token)), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@bp.post("/invitations/<token>/accept")
def accept_invitation(token: str) -> Response:
    """Accept the invitation. Redirects to the community or the panel, or to the login if two-step login is required."""
    account = page_login.require()
    accepted = current()[CommunityServices].received.of(token).accept(account, token)
    if isinstance(accepted, PanelRole):
        if accepted.is_logged_out:
            return done("panel_joined_log_in", "pages.log_in", next=url_for("admin.overview"))
        return done("panel_joined", "admin.overview")
    return done("joined", "pages.community", accepted.community.name, community_id=accepted.community.id)


@bp.post("/invitations/<token>/decline")
def decline_invitation(token: str) -> Response:
    account = page_login.require()
    current()[CommunityServices].received.of(token).decline(account, token)
    return done("declined", "pages.account")


@bp.post("/communities/<community_id>/invitations/<invitation_id>/withdraw")
def withdraw_invitation(community_id: str, invitation_id: str) -> Response:
    current()[CommunityServices].invitations.revoke(page_login.require(), invitation_id, community_id)
    return done("withdrawn", "pages.members", community_id=community_id)


@bp.get("/communities/<community_id>/settings")
def community_settings(community_id: str) -> Response:
    """Show the settings. Moderators see only a link to the share links."""
    at = member_forms.enter(community_id, MODERATOR)
    return member_forms.page("communities/settings", at, form=member_forms.present(at.community))


@bp.post("/communities/<community_id>/settings")
def change_community(community_id: str) -> Response:
    account, form = page_login.require(), member_forms.changes()
    body = form.read()
    if body is None:
        return member_forms.page("communities/settings", member_forms.enter(community_id, ADMIN), 422, form=form)
    changed = current()[CommunityServices].directory.change(account, community_id, **body.changes())
    return done("community_saved", "pages.community_settings", changed.community.name, community_id=community_id)


@bp.get("/communities/<community_id>/delete")
def confirm_deletion(community_id: str) -> Response:
    """Ask for confirmation before the community is deleted."""
    return confirmation.page(_deletion(member_forms.enter(community_id, ADMIN)))


@bp.post("/communities/<community_id>/delete")
def delete_community(community_id: str) -> Response:
    at = member_forms.enter(community_id, ADMIN)
    confirmation.confirm(_deletion(at))
    current()[CommunityServices].directory.delete(at.account, community_id)
    return done("deleted", "pages.list_communities", at.community.name)


def _deletion(at: EnteredCommunity) -> Confirmation:
    members = current()[CommunityServices].directory.members(at.account, at.community.id, 0, 1).total
    effects = (
        _("All memberships and reports of this community are deleted. This cannot be undone."),
        _("Members: %(count)s", count=count(members)),
        _("Its visits still count for the site."),
    )
    back = url_for("pages.community_settings", community_id=at.community.id)
    title = _("Delete %(name)s?", name=at.community.name)
    return Confirmation(title, effects, _("Delete this community"), back, typed=at.community.name)
