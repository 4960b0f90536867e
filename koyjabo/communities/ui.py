"""Helpers for community pages and the panel: a page's community, forms, member lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _

from koyjabo.base.core.errors import KoyJaboError, LastAdmin, Unauthenticated, UnknownCommunity, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.database.rows import Page
from koyjabo.base.models import Scope
from koyjabo.communities import roles
from koyjabo.communities.archiving_queries import Overview
from koyjabo.communities.queries import CommunityDetails, Member, MemberSearch
from koyjabo.communities.roles import ADMIN, MEMBER, MODERATOR, ROLES
from koyjabo.communities.schemas import CommunityChangesBody, InvitationBody, NewCommunityBody, RoleBody
from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.login.invitations import SentInvitation, flash_code, sent
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import language, translated
from koyjabo.web.login import page_login
from koyjabo.web.pages.flash import Undo
from koyjabo.web.panel.pages import me

MOST_CHOICES = 200
"""Maximum number of communities to choose from."""

ROLE_WORDS = {MEMBER: N_("Member"), MODERATOR: N_("Moderator"), ADMIN: N_("Admin")}


def init_app(app: Flask) -> None:
    """Accept an external id wherever a path has a community's id. Sockets resolve theirs when they are admitted, so
    that a database failure gets its own close code.
    """
    app.url_value_preprocessor(_resolve)


def _resolve(endpoint: str | None, values: dict[str, Any] | None) -> None:
    is_socket = request.url_rule is not None and request.url_rule.websocket
    if values and "community_id" in values and not is_socket:
        values["community_id"] = current().identities.community_id(values["community_id"])


class MemberProblem(NamedTuple):
    """The error on the member list page: its status, and the reasons by field. By default there is none."""

    status: int = 200
    invitation: Form[InvitationBody] | None = None  # the form with its errors
    refused: tuple[str, KoyJaboError] | None = None  # (user_id, error) of a member who was not changed

    @property
    def form(self) -> Form[InvitationBody]:
        return self.invitation or Form(InvitationBody, {"role": MEMBER})


NO_PROBLEM = MemberProblem()


class MemberChange(NamedTuple):
    """The change made by a form, for the message about it (`flash.SENTENCES`)."""

    code: str
    about: str  # the name or email of the person
    undo: Undo | None = None


Result = MemberProblem | MemberChange


def search() -> MemberSearch:
    """The member search in the current request."""
    role = request.args.get("role", "")
    return MemberSearch(request.args.get("query", "").strip(), role if role in ROLES else "")


def invite(account: Account, community_id: str, count: Callable[[], None] = lambda: None) -> Result:
    """Invite a person using the current request's form. `count` is called before the invitation is sent, and may raise
    TooManyRequests.
    """
    form = Form(InvitationBody)
    body = form.read()
    if body is None:
        return MemberProblem(422, form)
    count()
    made = current()[CommunityServices].invitations.invite(account, body.email, body.role, language(), community_id)
    return MemberChange(flash_code(made), body.email)


def pending(account: Account, community: CommunityDetails) -> list[SentInvitation]:
    """The invitations to a community, for its admins."""
    title = _("Invitation to %(community)s", community=community.name)
    invitations = current()[CommunityServices].invitations.pending(account, community.id)
    return [sent(invitation, token, title) for invitation, token in invitations]


def set_role(account: Account, community_id: str, user_id: str) -> Result:
    body = Form(RoleBody).read()
    if body is None:
        return MemberProblem(422)
    role = body.role

    def act() -> MemberChange:
        given = current()[CommunityServices].directory.set_role(account, community_id, user_id, role)
        undo = Undo(request.full_path.rstrip("?"), {"role": given.role_before}) if given.role_before else None
        return MemberChange("role_given", given.member.name, undo)

    return _attempt(user_id, act)


def remove(account: Account, community_id: str, user_id: str, back: str) -> Result:
    """Remove a member after confirmation. `back` is the path to return to. Raises Unconfirmed."""

    def act() -> MemberChange:
        community, member = current()[CommunityServices].directory.removable(account, community_id, user_id)
        confirm(removal(account, community, member, back))
        current()[CommunityServices].directory.remove_member(account, community_id, user_id)
        is_own = member.user_id == account.id
        return MemberChange("left", community.name) if is_own else MemberChange("member_removed", member.name)

    return _attempt(user_id, act)


def removal(account: Account, community: CommunityDetails, member: Member, back: str) -> Confirmation:
    """The confirmation to ask for before a membership ends."""
    role = _("Role: %(role)s", role=translated(ROLE_WORDS[member.role]))
    if member.user_id == account.id:
        title = _("Leave %(community)s?", community=community.name)
        effect, label = _("You will no longer see how many people are online here."), _("Leave")
    else:
        title = _("Remove %(name)s from %(community)s?", name=member.name, community=community.name)
        effect, label = _("They lose their role and access to this community's numbers and pages at once."), _("Remove")
    return Confirmation(title, (effect, role, _return(community)), label, back)


def _return(community: CommunityDetails) -> str:
    if community.is_open:
        return str(_("The community is open: you can join it again."))
    return str(_("The community is invitation only: to come back, you need a new invitation."))


def _attempt(user_id: str, act: Callable[[], MemberChange]) -> Result:
    try:
        return act()
    except (UnknownUser, LastAdmin) as error:
        return MemberProblem(error.status, refused=(user_id, error))


FLAGS = ("open", "listed", "count_anonymous", "public_count")


def founding() -> Form[NewCommunityBody]:
    return Form(NewCommunityBody, {"open": True, "listed": True}, FLAGS)


def changes() -> Form[CommunityChangesBody]:
    """An empty form for reading the request."""
    return Form(CommunityChangesBody, flags=FLAGS)


def present(community: CommunityDetails) -> Form[CommunityChangesBody]:
    """A form with the current values of a community."""
    values = {"name": community.name, "description": community.description}
    flags = (community.is_open, community.is_listed, community.count_anonymous, community.public_count)
    return Form(CommunityChangesBody, values | dict(zip(FLAGS, flags, strict=True)), FLAGS)


class EnteredCommunity(NamedTuple):
    """A community, with the current user's role in it."""

    account: Account
    community: CommunityDetails
    role: str | None  # the effective one: site admins have the role admin in all communities
    is_member: bool

    @property
    def is_stranger(self) -> bool:
        return self.account is STRANGER

    @property
    def scope(self) -> Scope:
        return Scope(self.community.id)

    def may(self, role: str) -> bool:
        return self.role is not None and not roles.is_lower(self.role, role)


STRANGER = Account(id="", email="", name="", is_admin=False)
"""The account of a reader without a login, who may see listed communities."""


def look_at(community_id: str) -> EnteredCommunity:
    """A listed community, for a reader who is not logged in. Raises LedgerUnavailable, and Unauthenticated for any
    other id, so that it does not reveal which communities exist.
    """
    try:
        access = current()[CommunityServices].directory.known(STRANGER, community_id)
    except UnknownCommunity:
        raise Unauthenticated from None
    return EnteredCommunity(STRANGER, access.community, None, False)


def enter(community_id: str, role: str | None = None) -> EnteredCommunity:
    """The community for the logged-in user, who must have at least `role`, if given.

    Raises Unauthenticated, UnknownCommunity, Forbidden, LedgerUnavailable; for forms, WrongCsrfToken.
    """
    account = page_login.require()
    access = current()[CommunityServices].directory.known(account, community_id)
    effective = roles.allowed(account, access, role) if role else roles.as_seen_by(account, access)
    return EnteredCommunity(account, access.community, effective.role, access.role is not None)


def page(name: str, at: EnteredCommunity, status: int = 200, **values: Any) -> Response:
    """Render a template about the community, with `at` and `values`."""
    return make_response(render_template(f"{name}.html", at=at, **values), status)


def online(communities: list[str]) -> dict[str, int]:
    """The number of people online by community id. Callers check the permission."""
    return dict(zip(communities, current()[CommunityServices].people.online(*communities), strict=True))


def choices(chosen: str = "") -> list[tuple[str, str]]:
    """The first communities by name, to choose from, as (id, name). The chosen one is always included."""
    named = {overview.community.id: overview.community.name for overview in _overviews().items}
    if chosen:
        named.setdefault(chosen, chosen)
    return list(named.items())


def all_choices() -> list[tuple[str, str]] | None:
    """All communities except archived ones, as (id, name). None if there are over MOST_CHOICES, with archived ones."""
    overviews, total = _overviews()
    if total > MOST_CHOICES:
        return None
    return [(overview.community.id, overview.community.name) for overview in overviews if not overview.archived_ms]


def _overviews() -> Page[Overview]:
    return current()[CommunityServices].directory.all(me(), count=MOST_CHOICES)
