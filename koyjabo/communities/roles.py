"""The permissions of each role in a community. Makes no queries."""

from typing import NamedTuple

from koyjabo.base.core.errors import Forbidden
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.models import Scope
from koyjabo.people.models import Community

OTHER_COMMUNITY = N_("This API key belongs to another community.")

COMMUNITY_ROLES = ("member", "moderator", "admin")
"""Roles, lowest first. Each has all permissions of the roles before it."""

MEMBER, MODERATOR, ADMIN = COMMUNITY_ROLES

ROLE_REFUSALS = {
    MEMBER: N_("Only members of this community may do that. Join it first."),
    MODERATOR: N_("Only moderators and admins of this community may do that."),
    ADMIN: N_("Only admins of this community may do that."),
}

STRANGER = Account(id="", email="", name="", is_admin=False)
"""The account of a reader without a login, who may see listed communities."""


def is_lower(role: str, than: str) -> bool:
    return COMMUNITY_ROLES.index(role) < COMMUNITY_ROLES.index(than)


class Access(NamedTuple):
    """An account's access to a community."""

    account: Account
    community: Community
    stored_role: str | None  # as a member; None for others

    @property
    def own_role(self) -> str | None:
        """The role as a member or, if another system's token claims roles, the claimed one."""
        by_token = self.account.by_token
        return self.stored_role if by_token is None else by_token.role_in(self.community.ref, self.stored_role)

    @property
    def role(self) -> str | None:
        """The effective role. Site admins are admins of all communities, site viewers at least members, and a
        community's key is a moderator of its community.
        """
        if self.account.is_admin:
            return ADMIN
        if self.account.is_viewer:
            return self.own_role or MEMBER
        return MODERATOR if self.account.moderates == self.community.id else self.own_role

    @property
    def is_visible(self) -> bool:
        """Whether the account may see the community: if it is listed, for its members, and for admins and viewers of
        the site. A community's key only sees its community.
        """
        if self.account.moderates:
            return self.account.moderates == self.community.id
        return bool(self.own_role or self.community.is_listed or self.account.sees_panel)

    @property
    def is_member(self) -> bool:
        return self.own_role is not None

    @property
    def sees_people(self) -> bool:
        """Whether the account sees who is online: moderators and, if the community allows it, all members. Site viewers
        only see it as members.
        """
        return self.may(MODERATOR) or (self.is_member and self.community.members_see_online)

    @property
    def is_stranger(self) -> bool:
        return self.account is STRANGER

    @property
    def scope(self) -> Scope:
        return Scope(self.community.id)

    def may(self, role: str) -> bool:
        """Whether the effective role is at least `role`."""
        return self.role is not None and not is_lower(self.role, role)

    def require(self, role: str) -> None:
        """Raises Forbidden unless the effective role is at least `role`."""
        if not self.may(role):
            raise Forbidden(ROLE_REFUSALS[role if self.role else MEMBER])
