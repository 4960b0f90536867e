"""The forms that change the members of a community, for its own pages and the panel: each is read and carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.communities.invitation_queries import PendingInvitation
from koyjabo.communities.roles import MEMBER
from koyjabo.errors import KoyJaboError, LastAdmin, UnknownUser
from koyjabo.identity import Account
from koyjabo.web.api.community_requests import InvitationBody, RoleBody
from koyjabo.web.current import current
from koyjabo.web.http.errors import STATUS
from koyjabo.web.ui import links
from koyjabo.web.ui.forms import Form
from koyjabo.web.ui.languages import language


class MemberProblem(NamedTuple):
    """The status and the errors with which the list of members is shown; by default without errors."""

    status: int = 200
    invitation: Form[InvitationBody] | None = None  # the form with its errors
    refused: tuple[str, KoyJaboError] | None = None  # (user_id, error) of a member who was not changed

    @property
    def form(self) -> Form[InvitationBody]:
        return self.invitation or Form(InvitationBody, {"role": MEMBER})


NO_PROBLEM = MemberProblem()


def invite(account: Account, community_id: str, count: Callable[[], None] = lambda: None) -> MemberProblem | None:
    """Carry out the form of the current request. Like the other functions here, it returns None if that succeeded.

    `count` is called before the person is invited, and may raise TooManyRequests.
    """
    form = Form(InvitationBody)
    body = form.read()
    if body is None:
        return MemberProblem(422, form)
    count()
    current().communities.invitations.invite(account, community_id, body.email, body.role, language())
    return None


def pending(account: Account, community_id: str) -> list[tuple[PendingInvitation, str]]:
    """The invitations to a community, for its admins, each with its link."""
    found = current().communities.invitations.pending(account, community_id)
    return [(each, links.invitation(token)) for each, token in found]


def set_role(account: Account, community_id: str, user_id: str) -> MemberProblem | None:
    body = Form(RoleBody).read()
    if body is None:
        return MemberProblem(422)
    role = body.role
    return _attempt(user_id, lambda: current().communities.directory.set_role(account, community_id, user_id, role))


def remove(account: Account, community_id: str, user_id: str) -> MemberProblem | None:
    return _attempt(user_id, lambda: current().communities.directory.remove_member(account, community_id, user_id))


def _attempt(user_id: str, act: Callable[[], object]) -> MemberProblem | None:
    try:
        act()
    except (UnknownUser, LastAdmin) as error:
        return MemberProblem(STATUS[error.code], refused=(user_id, error))
    return None
