"""Users, communities, and users' roles in them."""

from typing import Annotated

from sqlalchemy import ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, query_expression

from koyjabo.base.core.i18n import name_in
from koyjabo.base.core.identity import Account, site_role
from koyjabo.base.models import OWN_ID, PAIR_LOSS, Email, Model, Name, Ref, Uuid, Word, related

# A foreign key gives a column its type.
UserId = Annotated[str, mapped_column(ForeignKey("users.id", ondelete="CASCADE"))]
CommunityId = Annotated[str, mapped_column(ForeignKey("communities.id", ondelete="CASCADE"))]


DISABLED_USER = {"email_key": OWN_ID, "disabled_ms": "created_ms"}
"""What the newer of two users with one address becomes."""


class User(Model):
    """A person with an account, or a person from another system (`external_ref`) without one. A person without an
    account has an empty email, `~` plus their id as `email_key`, and a hash that matches no password.

    Ids of users, sessions and communities are UUIDs as text.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index(
            "uq_users_external",
            "external_ref",
            "external_issuer",
            unique=True,
            info={PAIR_LOSS: {"external_ref": None, "external_issuer": None}},
        ),
    )

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    email: Mapped[Email]  # as the user typed it
    email_key: Mapped[Email] = mapped_column(unique=True, info={PAIR_LOSS: DISABLED_USER})  # normalised for comparison
    name: Mapped[Name]
    password: Mapped[str]  # Argon2 hash with its parameters
    is_admin: Mapped[bool]  # a site admin, and so an admin of every community
    is_viewer: Mapped[bool] = mapped_column(server_default=false())  # a viewer of the site
    created_ms: Mapped[int]
    disabled_ms: Mapped[int | None]
    # The key for familiar browsers, if it differs from the one derived from `password`.
    browser_mark: Mapped[str | None]
    second_factor_ms: Mapped[int | None]  # when two-step login was turned on
    language: Mapped[str | None] = mapped_column(String(8))  # for emails; None if the account is older than this column
    verified_ms: Mapped[int | None]  # when a link sent to this address was used
    weekly_report: Mapped[bool] = mapped_column(server_default=false())  # whether the user gets it by email
    appear_offline: Mapped[bool] = mapped_column(server_default=false())  # counted, but not named, while online
    # The id in another system; None for an account.
    external_ref: Mapped[Ref | None]
    external_issuer: Mapped[Name | None]  # the issuer of their tokens; "" if unknown
    # Only loaded for the panel.
    communities: Mapped[int] = query_expression()
    sessions: Mapped[int] = query_expression()  # live ones
    seen_ms: Mapped[int | None] = query_expression()  # when a kept session last began or was renewed

    @property
    def account(self) -> Account:
        """The user, as other packages see them."""
        return Account(
            self.id, self.email, self.name, self.is_admin, self.is_viewer, appear_offline=self.appear_offline
        )

    @property
    def site_role(self) -> str:
        """One of SITE_ROLES."""
        return site_role(self.is_admin, self.is_viewer)


class Community(Model):
    """A community. Its id is also the scope of its statistics: it has a row in `counters`."""

    __tablename__ = "communities"
    __table_args__ = (Index("uq_communities_ref", "ref", unique=True, info={PAIR_LOSS: {"ref": None}}),)

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    name: Mapped[Name]
    name_bn: Mapped[Name] = mapped_column(server_default=text("''"))  # "" if there is none
    description: Mapped[str]
    description_bn: Mapped[str] = mapped_column(server_default=text("''"))  # "" if there is none
    is_open: Mapped[bool]  # everyone may join
    is_listed: Mapped[bool]  # visible to people who are not members
    created_ms: Mapped[int]
    archived_ms: Mapped[int | None]  # visible only in the panel; has no counter
    count_anonymous: Mapped[bool] = mapped_column(server_default=false())  # non-members count even if not open
    public_count: Mapped[bool] = mapped_column(server_default=false())  # the online count is public
    members_see_online: Mapped[bool] = mapped_column(server_default=false())  # by name
    founder_id: Mapped[Uuid | None] = mapped_column(index=True)  # None if unknown
    ref: Mapped[Ref | None]  # the id in another system

    def name_in(self, language: str | None) -> str:
        """The name on pages and in emails in a language ("en", "bn")."""
        return name_in(language, self.name, self.name_bn)


class Membership(Model):
    """A user's role in a community: `member`, `moderator` or `admin`."""

    __tablename__ = "memberships"

    community_id: Mapped[CommunityId] = mapped_column(primary_key=True)
    user_id: Mapped[UserId] = mapped_column(primary_key=True, index=True)
    role: Mapped[Word]
    joined_ms: Mapped[int]
    # Whether the member joined before `members_see_online` was turned on, and has not read so.
    is_notice_due: Mapped[bool] = mapped_column(server_default=false())
    user: Mapped[User] = related()
    community: Mapped[Community] = related()
