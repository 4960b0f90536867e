"""Community pages: the list; a community's room, members, invitations and settings."""

from collections.abc import Collection
from functools import partial
from typing import Any

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import Forbidden, KoyJaboError, LastAdmin, UnknownInvitation, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, Account
from koyjabo.base.settings.schema import Settings, requires
from koyjabo.counting.days_by_hour import DaysByHour
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.invitation_schemas import flash_sentence, link, sent
from koyjabo.people.accounts.services import account_services
from koyjabo.people.accounts.two_step.one_time_codes import svg
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.models import Membership
from koyjabo.presence.members.peaks import Peaks
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms import confirmation
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import count, language, name_of, translated, weekday
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login
from koyjabo.web.pages import pagination
from koyjabo.web.pages.flash import Undo, done, outcome
from . import ui
from .live.online_people import NEWEST_FIRST, PEOPLE_ORDERS
from .queries import LIST_ORDERS
from .roles import ADMIN, COMMUNITY_ROLES, MEMBER, MODERATOR, STRANGER, Access
from .schemas import InvitationBody, JoinBody, RoleBody, columns, current_values
from .services import community_services

bp = pages_blueprint("communities")

ROLE_WORDS = {MEMBER: N_("Member"), MODERATOR: N_("Moderator"), ADMIN: N_("Admin")}

PEOPLE_PER_PAGE = 100
"""Number of people per page."""

PEOPLE = "people"
"""The part of the page that its script requests when people come or go."""

FROM_ROOM = "room"


@bp.get("/communities/<community_id>")
def community(community_id: str) -> Response:
    """Show the community: its numbers to members, or to anyone if they are public; to others how to join or log in."""
    return show(ui.enter(community_id) if page_login.login() else ui.look_at(community_id))


def show(at: Access, problem: KoyJaboError | None = None) -> Response:
    """Show the room. `problem` is the error of an action on this page."""
    status = problem.status if problem else 200
    if not at.may(MEMBER) and not at.community.public_count:
        return ui.page("communities/outside", at, status, problem=problem)
    if at.may(MODERATOR):
        limits.count_account("reports", at.account.id)
        if request.args.get("part") == PEOPLE:
            return make_response(render_template("communities/online_part.html", at=at, **_people(at)))
    stats, clock = current()[Visits].community(at.scope).stats(), current().clock
    values: dict[str, Any] = {
        "stats": stats.as_object(),
        "day": current()[DaysByHour].of(at.scope, stats.today),
        "weekday": weekday(clock.today()),
        "now_ms": clock.now_ms(),
    }
    if at.may(MODERATOR):
        values |= _people(at)
    else:
        values["online"] = ui.online([at.community.id])[at.community.id]
        if at.sees_people:
            values |= ui.named(at)
    values["is_notice_due"] = ui.take_notice(at)
    if at.may(MEMBER):
        values["peaks"] = current()[Peaks].get(at.scope)
    return ui.page("communities/community", at, status, problem=problem, **values)


def _people(at: Access) -> dict[str, Any]:
    """The list of people, and the number of all people online. Raises InvalidInput."""
    communities, search = community_services(), _search("order", PEOPLE_ORDERS, NEWEST_FIRST)
    (online,), clock = communities.people.online(at.scope), current().clock
    people = pagination.list_page(
        partial(communities.people.page, at.scope, **search, reader=at.account.id), per_page=PEOPLE_PER_PAGE
    )
    if not online and at.is_member and outcome():  # such as the founder, whose socket opens with this page
        online, people = 1, people._replace(items=(ui.you(at),), total=1)
    roles = communities.members.roles(at.scope, [person.user_id for person in people.items])
    last = None if online else communities.members.last_here(at.scope)
    return {
        "found": people,
        "search": search,
        "roles": roles,
        "online": online,
        "last_here": last and (last[0], clock.local(last[1])),
        "now_ms": clock.now_ms(),
    }


def _search(name: str, allowed: Collection[str], default: str = "") -> dict[str, Any]:
    """The search in the current request: a text, and the argument `name`, which must be one of `allowed`."""
    value = request.args.get(name, "")
    return {"text": request.args.get("query", "").strip(), name: value if value in allowed else default}


@bp.get("/communities")
def list_communities() -> str:
    """List the communities that the reader may see. Without a login, show an introduction, then the listed
    communities.
    """
    login = page_login.login()
    account, search = login.account if login else STRANGER, _search("order", LIST_ORDERS, "mine")
    directory = community_services().directory
    listed = pagination.list_page(partial(directory.list, account, **search))
    shown = [access.community.id for access in listed.items if access.role or access.community.public_count]
    online, items = ui.online(shown), list(listed.items)
    if search["order"] == "mine":
        items.sort(key=lambda access: (access.role is None, -online.get(access.community.id, 0)))
    return render_template(
        "communities/list.html",
        is_known=login is not None,
        is_for_riders=current()[Settings].has_default_name,
        found=listed,
        items=items,
        search=search,
        online=online,
        sizes=directory.sizes(access.community for access in listed.items),
    )


@bp.get("/communities/new")
def new_community() -> str:
    page_login.require()
    return render_template("communities/new.html", form=ui.founding())


@bp.post("/communities/new")
def create_community() -> Response:
    account, form = page_login.require(), ui.founding()
    body = form.read()
    if body is None:
        return make_response(render_template("communities/new.html", form=form), 422)
    limits.count_account("actions", account.id)
    community = community_services().directory.create(account, columns(body)).community
    return done(
        N_("%(name)s was created."), "pages_communities.community", name_of(community), community_id=community.id
    )


@bp.post("/communities/<community_id>/join")
def join_community(community_id: str) -> Response:
    account, body = page_login.require(), Form(JoinBody).read()
    try:
        membership, _is_new = community_services().members.join(account, community_id)
    except Forbidden as error:
        return show(ui.enter(community_id), error)
    if body is not None and body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    return done(
        N_("You are now a member of %(name)s."),
        "pages_communities.community",
        name_of(membership.community),
        community_id=community_id,
    )


@bp.post("/communities/<community_id>/leave")
def leave_community(community_id: str) -> Response:
    """Leave the community, and redirect to the list, because an unlisted community's page is no longer accessible."""
    account, members = page_login.require(), community_services().members
    try:
        membership = members.removable(account, community_id, account.id)
        confirm(_removal(account, membership, url_for("pages_communities.community", community_id=community_id), ""))
        members.leave(account, community_id)
    except LastAdmin as error:
        return show(ui.enter(community_id), error)
    return done(
        N_("You are no longer a member of %(name)s."),
        "pages_communities.list_communities",
        name_of(membership.community),
    )


@bp.get("/communities/<community_id>/members")
def members(community_id: str) -> Response:
    return _show_members(ui.enter(community_id, MEMBER))


@bp.post("/communities/<community_id>/members")
def invite_member(community_id: str) -> Response:
    account, form = page_login.require(), Form(InvitationBody)
    body = form.read()
    if body is None:
        return _show_members(ui.enter(community_id, ADMIN), 422, form)
    limits.count_account("actions", account.id)
    invited = community_services().invitations.invite(account, body.email, body.role, language(), community_id)
    return _done(flash_sentence(invited), community_id, body.email)


@bp.post("/communities/<community_id>/members/<user_id>")
def set_role(community_id: str, user_id: str) -> Response:
    account, body = page_login.require(), Form(RoleBody).read()
    if body is None:
        return _show_members(ui.enter(community_id, ADMIN), 422)
    try:
        member, before = community_services().members.set_role(account, community_id, user_id, body.role)
    except (UnknownUser, LastAdmin) as error:
        return _show_members(ui.enter(community_id, ADMIN), error.status, refused=(user_id, error))
    undo = Undo(request.full_path.rstrip("?"), {"role": before}) if before else None
    return _done(N_("The role of %(name)s was changed."), community_id, member.user.name, undo)


@bp.post("/communities/<community_id>/members/<user_id>/remove")
def remove_member(community_id: str, user_id: str) -> Response:
    """Remove a member. Users who remove themselves are redirected to the list of communities."""
    account, members = page_login.require(), community_services().members
    try:
        member = members.removable(account, community_id, user_id)
        tab = _("Members") if _list_of_people() == "pages_communities.members" else ""
        confirm(_removal(account, member, url_for(_list_of_people(), **_member_list(community_id)), tab))
        members.remove(account, community_id, user_id)
    except (UnknownUser, LastAdmin) as error:
        return _show_members(ui.enter(community_id, ADMIN), error.status, refused=(user_id, error))
    if member.user_id == account.id:
        return done(
            N_("You are no longer a member of %(name)s."),
            "pages_communities.list_communities",
            name_of(member.community),
        )
    return _done(N_("%(name)s is no longer a member."), community_id, member.user.name)


def _removal(account: Account, member: Membership, back: str, tab: str) -> Confirmation:
    """The confirmation to ask for before a membership ends, on the tab whose path is `back`. `tab` is its name, or ""
    for the room.
    """
    community = member.community
    role = _("Role: %(role)s", role=translated(ROLE_WORDS[member.role]))
    if member.user_id == account.id:
        title = _("Leave %(community)s?", community=name_of(community))
        effect, label = _("You will no longer see how many people are online here."), _("Leave")
        again = _("The community is open: you can join it again.")
        invited = _("The community is invitation only: to come back, you need a new invitation.")
    else:
        title = _("Remove %(name)s from %(community)s?", name=member.user.name, community=name_of(community))
        effect, label = _("They lose their role and access to this community's numbers and pages at once."), _("Remove")
        again = _("The community is open: they can join it again.")
        invited = _("The community is invitation only: to come back, they need a new invitation.")
    effects = (effect, role, again if community.is_open else invited)
    return Confirmation(title, effects, label, back, around={"at": ui.enter(community.id), "tab": tab})


def _done(sentence: str, community_id: str, about: str, undo: Undo | None = None) -> Response:
    return done(sentence, _list_of_people(), about, undo, **_member_list(community_id))


def _list_of_people() -> str:
    """The endpoint of the page where the user chose the action."""
    return "pages_communities.community" if request.args.get("from") == FROM_ROOM else "pages_communities.members"


def _member_list(community_id: str) -> dict[str, Any]:
    """Values for the page after an action. An action in the room sends the person's name as `query`, so that the member
    list shows why it was refused.
    """
    kept = () if _list_of_people() == "pages_communities.community" else ("page", "query", "role")
    return {"community_id": community_id, **{name: request.args.get(name) for name in kept}}


def _show_members(
    at: Access,
    status: int = 200,
    form: Form[InvitationBody] | None = None,
    refused: tuple[str, KoyJaboError] | None = None,
) -> Response:
    """Show the members. `refused` is the id of a member who was not changed, with the error."""
    community_id, search = at.community.id, _search("role", COMMUNITY_ROLES)
    services = community_services()
    read = partial(services.members.page, at.account, community_id, **search)
    listed = pagination.list_page(read, "pages_communities.members", community_id=community_id)
    values: dict[str, Any] = {"found": listed, "search": search, "refused": refused}
    if at.may(ADMIN):
        title = _("Invitation to %(community)s", community=name_of(at.community))
        pending = services.invitations.pending(at.account, community_id)
        values |= {
            "form": form or Form(InvitationBody, {"role": MEMBER}),
            "invitations": [sent(invitation, token, title) for invitation, token in pending],
            "sends_mails": current()[MailOutbox].is_on,
            "is_confirmed": account_services().email_links.is_verified(at.account),
        }
    return ui.page("communities/members", at, status, **values)


@bp.get("/invitations/<token>")
def invitation(token: str) -> Response:
    """Show who invited the reader, and to what. The reader can accept or decline after logging in."""
    accounts, login = account_services(), page_login.login()
    offer = accounts.received.of(token).get(token)
    if login is not None and not accounts.received.is_valid(token, login.account):
        raise UnknownInvitation
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
    account_services().received.of(token)
    response = Response(svg(link(token)), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@bp.post("/invitations/<token>/accept")
def accept_invitation(token: str) -> Response:
    return authentication.accepted(page_login.require(), token)


@bp.post("/invitations/<token>/decline")
def decline_invitation(token: str) -> Response:
    account = page_login.require()
    account_services().received.of(token).decline(account, token)
    return done(N_("You have declined the invitation."), "pages_personal_data.account")


@bp.post("/communities/<community_id>/invitations/<invitation_id>/withdraw")
def revoke_invitation(community_id: str, invitation_id: str) -> Response:
    community_services().invitations.revoke(page_login.require(), invitation_id, community_id)
    return done(N_("The invitation was revoked."), "pages_communities.members", community_id=community_id)


@bp.get("/communities/<community_id>/settings")
def community_settings(community_id: str) -> Response:
    at = ui.enter(community_id, ADMIN)
    return ui.page("communities/settings", at, form=ui.changes(current_values(at.community)))


@bp.post("/communities/<community_id>/settings")
def change_community(community_id: str) -> Response:
    account, form = page_login.require(), ui.changes()
    body = form.read()
    if body is None:
        return ui.page("communities/settings", ui.enter(community_id, ADMIN), 422, form=form)
    changed = community_services().directory.change(account, community_id, columns(body))
    return done(
        N_("The settings of %(name)s were saved."),
        "pages_communities.community_settings",
        name_of(changed.community),
        community_id=community_id,
    )


@bp.get("/communities/<community_id>/delete")
def confirm_deletion(community_id: str) -> Response:
    """Ask for confirmation before the community is deleted."""
    return confirmation.page(_deletion(ui.enter(community_id, ADMIN)))


@bp.post("/communities/<community_id>/delete")
def delete_community(community_id: str) -> Response:
    at = ui.enter(community_id, ADMIN)
    confirmation.confirm(_deletion(at))
    community_services().directory.delete(at.account, community_id)
    return done(N_("%(name)s was deleted."), "pages_communities.list_communities", name_of(at.community))


def _deletion(at: Access) -> Confirmation:
    members = community_services().directory.sizes([at.community])[at.community.id]
    effects = (
        _("All memberships and reports of this community are deleted. This cannot be undone."),
        _("Members: %(count)s", count=count(members)),
        _("Its visits still count for the site."),
    )
    back = url_for("pages_communities.community_settings", community_id=at.community.id)
    title = _("Delete %(name)s?", name=name_of(at.community))
    around = {"at": at, "tab": _("Settings")}
    return Confirmation(title, effects, _("Delete this community"), back, name_of(at.community), around=around)
