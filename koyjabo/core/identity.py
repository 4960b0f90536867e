"""The identity of a caller: an account, a login, and their ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from koyjabo.core.errors import Forbidden
from koyjabo.core.i18n import N_

SITE_ROLES = ("member", "viewer", "admin")
"""Of an account on the whole site, from the lowest to the highest. A viewer sees the pages of the panel, without emails
and visitorIds, and changes nothing there.
"""

SITE_MEMBER, SITE_VIEWER, SITE_ADMIN = SITE_ROLES

MASKED = "•••"
"""Shown to viewers of the site in place of an email or a visitorId."""

DELETED = "~"
"""Stored in place of the id of a user whose account was deleted."""

VISITOR_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,128}", re.ASCII)
VISIT_NAME = re.compile(r"[A-Za-z0-9_.:+/=\-]{1,128}", re.ASCII)  # no "~": generated ids begin with it
REF = re.compile(r"[A-Za-z0-9_.:\-]{1,128}", re.ASCII)
"""What another system may call a community or a person of its own."""

RESERVED_REFS = ("online", "by-ref")
"""They stand in paths where an id or a ref does."""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid_of(text: str) -> str | None:
    """An id as it is stored; None if `text` is not a UUID."""
    return text.lower() if UUID.fullmatch(text.lower()) else None


KEY_PREFIX = "kj_"
"""Begins every API key, and no token."""


class RolesByToken(NamedTuple):
    """What the token of another system says about the roles of its user."""

    claimed: tuple[tuple[str, str], ...] | None
    """By the ref of a community; None if the token says nothing, so that memberships count. Nothing by our id: the
    other system has a say in the communities that it has put here, and in no others.
    """

    def role_in(self, ref: str | None, member: str | None) -> str | None:
        """The role in a community whose members have the user as `member`."""
        return member if self.claimed is None else dict(self.claimed).get(ref or "")


class Account(NamedTuple):
    """The account of a user, as other packages see it. A key acts as an account that nobody has, and so does a person
    of another system (`by_token`).
    """

    id: str
    email: str
    name: str
    is_admin: bool
    is_viewer: bool = False
    moderates: str | None = None  # of a key: it is a moderator of this one community, and nothing elsewhere
    by_token: RolesByToken | None = None

    @property
    def sees_panel(self) -> bool:
        return self.is_admin or self.is_viewer

    def require_site_viewer(self) -> None:
        """Raises Forbidden if the account is neither a viewer nor an admin of the site."""
        if not self.sees_panel:
            raise Forbidden(N_("Only site admins may see this."))

    def require_site_admin(self) -> None:
        """Raises Forbidden if the account is not an admin of the site."""
        if not self.is_admin:
            raise Forbidden(N_("Only site admins may do that."))


class Maker(NamedTuple):
    """The user who made something."""

    id: str
    name: str


OPERATOR = Account("", "", "", is_admin=True)
"""Acts at the command line and at start-up. It is not stored."""


def site_role(is_admin: bool, is_viewer: bool) -> str:
    """The highest of SITE_ROLES."""
    return SITE_ADMIN if is_admin else SITE_VIEWER if is_viewer else SITE_MEMBER


class Login(NamedTuple):
    """A logged-in account and its session."""

    account: Account
    session_id: str


class KeyHolder(NamedTuple):
    """Who acts with a valid key."""

    account: Account  # `id` is that of the key
    scopes: frozenset[str]


@dataclass(slots=True)
class KeyHolders:
    """Finds the holders of API keys for the doors of all features, as `Logins` finds logins."""

    holder_of: Callable[[str], KeyHolder]
    """By the key. Raises InvalidKey, KeyExpired, LedgerUnavailable."""


@dataclass(slots=True)
class CommunityIds:
    """Resolves what requests call a community. `communities` provides it; `counting`, which knows none, asks here."""

    resolve: Callable[[str], str]
    """The id of the community with this id or ref; without one, the text itself. Raises LedgerUnavailable."""

    def resolve_if_any(self, text: str | None) -> str | None:
        """`resolve`; "" and None, which name no community, stay."""
        return self.resolve(text) if text else text

    def is_claimed(self, account: Account, community_id: str) -> bool:
        """Whether the token of another system makes its user a member of this community. A token names communities by
        ref: it has no say in those that it names by our id. Raises LedgerUnavailable.
        """
        claimed = account.by_token.claimed if account.by_token is not None else None
        return any(self.resolve(ref) == community_id for ref, _ in claimed or () if uuid_of(ref) != community_id)


@dataclass(slots=True)
class LoginDestinations:
    """Where logins lead that were not going anywhere else. `communities` provides it; `accounts`, which knows none,
    asks here.
    """

    of: Callable[[Account], tuple[str, dict[str, Any]] | None]
    """The endpoint of a page, and the values of its path; None: the home page. Raises LedgerUnavailable."""


@dataclass(slots=True)
class TokenLogins:
    """Finds people of another system, as `Logins` finds accounts."""

    login_of: Callable[[str], Login]
    """By a token that is not ours; without a session. Raises InvalidToken, TokenExpired, KeysUnavailable,
    LedgerUnavailable.
    """


@dataclass(slots=True)
class Logins:
    """Finds logins for the doors of all features. `accounts` provides it, and its own doors need webkit: so webkit asks
    here, without a circle.
    """

    login_of: Callable[[str, str | None], Login | None]
    """By the id of a session and, if its access token has expired, that of its refresh token. None if it is not live.
    Raises LedgerUnavailable.
    """
