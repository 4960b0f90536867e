"""Forms that change who belongs to a community, for its own pages and the panel's: read, done, or to be shown again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.communities.roles import MEMBER
from koyjabo.errors import KoyJaboError, LastAdmin, UnknownUser
from koyjabo.identity import Account
from koyjabo.web.api.community_requests import InvitationBody, RoleBody
from koyjabo.web.current import current
from koyjabo.web.http.errors import STATUS
from koyjabo.web.ui.forms import Form


class Shown(NamedTuple):
    """How the list of members is shown: as it is, or with what went wrong."""

    status: int = 200
    invitation: Form[InvitationBody] | None = None  # an empty one
    refused: tuple[str, KoyJaboError] | None = None  # what was not done to a member, and why

    @property
    def form(self) -> Form[InvitationBody]:
        return self.invitation or Form(InvitationBody, {"role": MEMBER})


AS_IT_IS = Shown()


def invite(account: Account, community_id: str, count: Callable[[], None] = lambda: None) -> Shown | None:
    """Let in whom the present request names. What went wrong; None is nothing. So with the others.

    `count` is called before anybody is looked up, and may raise TooManyRequests.
    """
    form = Form(InvitationBody)
    body = form.read()
    if body is None:
        return Shown(422, form)
    count()
    try:
        current().communities.directory.invite(account, community_id, body.email, body.role)
    except (UnknownUser, LastAdmin) as error:
        form.errors["email"] = str(error)
        return Shown(STATUS[error.code], form)
    return None


def set_role(account: Account, community_id: str, user_id: str) -> Shown | None:
    body = Form(RoleBody).read()
    if body is None:
        return Shown(422)
    role = body.role
    return _tried(user_id, lambda: current().communities.directory.set_role(account, community_id, user_id, role))


def remove(account: Account, community_id: str, user_id: str) -> Shown | None:
    return _tried(user_id, lambda: current().communities.directory.remove_member(account, community_id, user_id))


def _tried(user_id: str, act: Callable[[], object]) -> Shown | None:
    try:
        act()
    except (UnknownUser, LastAdmin) as error:
        return Shown(STATUS[error.code], refused=(user_id, error))
    return None
