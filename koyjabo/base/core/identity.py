"""Identities of callers: accounts, logins, and their ids."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from .errors import Forbidden, InvalidKey
from .i18n import N_

SITE_ROLES = ("member", "viewer", "admin")
"""Site-wide roles of an account, lowest first. A viewer sees the panel's pages without emails and visitorIds, and
cannot change anything there.
"""

SITE_MEMBER, SITE_VIEWER, SITE_ADMIN = SITE_ROLES

MASKED_TEXT = "•••"
"""Shown to site viewers in place of an email or a visitorId."""

DELETED_ID = "~"
"""Stored in place of the id of a deleted user."""

MISTAKEN_WORD = re.sub(
    "[a-z]",
    lambda letter: f"[{letter[0].upper()}{letter[0]}]",
    r"(undefined|null|none|nil|nan|inf(inity)?|true|false|\[object [^\]]+\])",
)
"""What programs write for a missing value, in any case. All people with that mistake would be one visitor."""

# A minus belongs to the first word only: where it could also separate two words, refusing would take exponential time.
MISTAKE = re.compile(rf"(-(?=[Ii]))?{MISTAKEN_WORD}([-_.:, ]+{MISTAKEN_WORD})*")
NO_MISTAKE = f"(?!{MISTAKE.pattern}$)"
VISITOR_TEXT, VISIT_TEXT = r"[A-Za-z0-9_.:\-]{1,128}", r"[A-Za-z0-9_.:+/=\-]{1,128}"
"""Patterns of ids. Earlier versions also stored mistaken ones. There is no "~": generated ids begin with it."""

VISITOR_ID = re.compile(NO_MISTAKE + VISITOR_TEXT, re.ASCII)
VISIT_NAME = re.compile(NO_MISTAKE + VISIT_TEXT, re.ASCII)
EXTERNAL_ID = re.compile(r"[ -~]{1,255}")
"""External ids, which another system may give to a community or to one of its users. They are opaque: OpenID Connect
only limits a `sub` to 255 ASCII characters (Core 1.0, 2). AD FS sends base64. Auth0 sends parts with `|` between them,
and the last one is what a directory calls its user, such as `CN=Ayesha Rahman`. None sends control characters.
"""

RESERVED_REFS = ("online", "by-ref", ".", "..")
"""External ids that are refused, because a path cannot contain them. It uses the words in place of an id, and clients
remove the dots, even percent-encoded (WHATWG URL, 4.1).
"""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


COMMUNITY_PATH = "/communities/"
"""Beginning of the path of a community's page."""

COMMUNITY_IN_ADDRESS = re.compile(f"{COMMUNITY_PATH}([^/?#]+)")

KEY_PREFIX = "kj_"
"""Prefix of API keys. Tokens never begin with it."""


def uuid_of(text: str) -> str | None:
    """The stored form of an id; None if `text` is not a UUID."""
    return text.lower() if UUID.fullmatch(text.lower()) else None


def community_in(address: str) -> str | None:
    """The id or external id in the address of a community's page."""
    match = COMMUNITY_IN_ADDRESS.search(address) if COMMUNITY_PATH in address else None
    return unquote(match[1]) if match and match[1] != "new" else None


class RolesByToken(NamedTuple):
    """Roles that another system's token gives its user."""

    claimed: tuple[tuple[str, str], ...] | None
    """Roles by the community's external id; None if the token claims none, so that memberships count. A token can only
    claim communities created by its system, which have an external id.
    """

    def role_in(self, ref: str | None, member: str | None) -> str | None:
        """The user's role in a community. `member` is their role as a member."""
        return member if self.claimed is None else dict(self.claimed).get(ref or "")


class Account(NamedTuple):
    """A user's account, as other packages see it. API keys and users of other systems (`by_token`) are represented by
    accounts that are not stored.
    """

    id: str
    email: str
    name: str
    is_admin: bool
    is_viewer: bool = False
    moderates: str | None = None  # for a key, the one community it may moderate
    by_token: RolesByToken | None = None
    appear_offline: bool = False  # others see it counted, but not named

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


OPERATOR = Account("", "", "", is_admin=True)
"""The account used by the command line and at startup. It is not stored."""


def site_role(is_admin: bool, is_viewer: bool) -> str:
    """The highest of SITE_ROLES."""
    return SITE_ADMIN if is_admin else SITE_VIEWER if is_viewer else SITE_MEMBER


class Login(NamedTuple):
    """A logged-in account and its session."""

    account: Account
    session_id: str


class KeyHolder(NamedTuple):
    """The holder of a valid key."""

    account: Account  # `id` is the key's id
    scopes: frozenset[str]


class Identities:
    """Finds callers and communities for all features. The package that owns them provides each function, so that
    earlier packages do not import it.
    """

    login_of: Callable[[str, str | None], Login | None]
    """Returns the login for a session id and, if the access token has expired, the refresh token's id. None if the
    session is not live. Raises LedgerUnavailable.
    """
    token_login_of: Callable[[str], Login]
    """Returns the login of another system's token, without a session. Raises InvalidToken, TokenExpired,
    LedgerUnavailable.
    """
    destination_of: Callable[[Account], tuple[str, dict[str, Any]] | None]
    """Returns the page to open after a login that has no destination: its endpoint and the values of its path, or None
    for the home page. Raises LedgerUnavailable.
    """
    community_id: Callable[[str], str]
    """Returns the id of the community with this id or external id, or the text itself if there is none. Raises
    LedgerUnavailable.
    """

    def key_holder_of(self, text: str) -> KeyHolder:
        """The holder of an API key; without the feature, no key is valid. Raises InvalidKey, KeyExpired,
        LedgerUnavailable.
        """
        raise InvalidKey

    def provide(self, **functions: Callable[..., Any]) -> None:
        vars(self).update(functions)

    def community_id_if_any(self, text: str | None) -> str | None:
        """Resolve the text. Returns "" and None unchanged, because they name no community."""
        return self.community_id(text) if text else text

    def is_claimed(self, account: Account, community_id: str) -> bool:
        """Whether another system's token makes its user a member of this community. Tokens name communities by external
        id. Raises LedgerUnavailable.
        """
        claimed = account.by_token.claimed if account.by_token is not None else None
        return any(self.community_id(ref) == community_id for ref, _ in claimed or () if uuid_of(ref) != community_id)
