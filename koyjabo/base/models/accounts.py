"""Users, their login sessions and two-step login, and communities with their members.

Tables for emails to send, the links in them, and invitations. They do not contain the links' tokens
(`koyjabo.base.core.link_tokens`).
"""

from sqlalchemy import Index, Integer, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, query_expression

from koyjabo.base.core.i18n import name_in
from koyjabo.base.core.identity import Account, site_role
from koyjabo.base.network import user_agents
from koyjabo.base.network.user_agents import Browser
from .columns import (
    BigKey,
    ByKey,
    CommunityId,
    Digest,
    Email,
    Model,
    Name,
    Ref,
    UserId,
    Uuid,
    Word,
    related,
)


class User(Model):
    """A person with an account, or a person from another system (`external_ref`) without one. A person without an
    account has an empty email, `~` plus their id as `email_key`, and a hash that matches no password.

    Ids of users, sessions and communities are UUIDs as text.
    """

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_external", "external_ref", "external_issuer", unique=True),)

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    email: Mapped[Email]  # as the user typed it
    email_key: Mapped[Email] = mapped_column(unique=True)  # normalised for comparison
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
        return Account(self.id, self.email, self.name, self.is_admin, self.is_viewer)

    @property
    def site_role(self) -> str:
        """One of SITE_ROLES."""
        return site_role(self.is_admin, self.is_viewer)


class LoginSession(Model):
    """A login and all tokens renewed from it (specification: Sessions and tokens)."""

    __tablename__ = "sessions"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    user_id: Mapped[UserId] = mapped_column(index=True)
    refresh_id: Mapped[Uuid]  # id of the only valid refresh token
    created_ms: Mapped[int]
    expires_ms: Mapped[int] = mapped_column(index=True)
    revoked_ms: Mapped[int | None]
    renewed_ms: Mapped[int | None]  # when its tokens were last renewed
    user_agent: Mapped[str | None]  # at login, truncated; for the user's list of sessions
    place: Mapped[str | None]  # where the user logged in
    proved_ms: Mapped[int | None]  # when the user last typed their password (and code) in this session

    @property
    def browser(self) -> Browser:
        return user_agents.of(self.user_agent or "")

    @property
    def used_ms(self) -> int:
        """When its tokens were last issued."""
        return self.renewed_ms or self.created_ms


class LoginFailures(Model):
    """Failed guesses at an account's password. The account need not exist."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_expires", "expires_ms"), {"sqlite_with_rowid": False})

    account: Mapped[Digest] = mapped_column(primary_key=True)  # a keyed hash of purpose and email
    failures: Mapped[int] = mapped_column(Integer)  # since the last success
    began_ms: Mapped[int]
    # koyjabo.people.accounts.throttle.guess_budget, in JSON
    state: Mapped[str] = mapped_column(server_default="{}")
    expires_ms: Mapped[int] = mapped_column(server_default="0")


class Community(Model):
    """A community. Its id is also the scope of its statistics: it has a row in `counters`."""

    __tablename__ = "communities"
    __table_args__ = (Index("uq_communities_ref", "ref", unique=True),)

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
    user: Mapped[User] = related()
    community: Mapped[Community] = related()


class AccessVersion(Model):
    """A single row with a counter that increases whenever a permission is revoked (a session, a membership, a role), so
    that all servers notice.
    """

    __tablename__ = "access_version"

    id: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class TotpSecret(Model):
    """The secret that a user's authenticator app shares with the server (RFC 6238). Valid once it is confirmed."""

    __tablename__ = "totp_secrets"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    sealed: Mapped[str]  # encrypted with a key derived from SECRET_KEY
    began_ms: Mapped[int]
    confirmed_ms: Mapped[int | None]
    guesses: Mapped[int] = mapped_column(Integer)  # wrong codes in a row since `guessing_ms`
    guessing_ms: Mapped[int]


class RecoveryCode(ByKey, Model):
    """A keyed hash of an unused recovery code."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    digest: Mapped[Digest] = mapped_column(primary_key=True)


class SpentCode(ByKey, Model):
    """A used authenticator app code. The primary key prevents a second use on any server."""

    __tablename__ = "spent_codes"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 30 s steps since 1970


class PendingStep(ByKey, Model):
    """A login that is waiting for a code, or an authenticator app that is being set up. `token` is a hash of the
    client's token.
    """

    __tablename__ = "pending_steps"

    token: Mapped[Digest] = mapped_column(primary_key=True)
    purpose: Mapped[Word]
    user_id: Mapped[UserId] = mapped_column(index=True)
    password_mark: Mapped[Digest]  # changes with the password
    visitor_id: Mapped[str | None] = mapped_column(String(128))
    tries: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int] = mapped_column(index=True)


class OutboxMail(Model):
    """An email that is waiting, sent or failed. Its address and data are removed once it is sent or has failed."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "done_ms", "kind", "due_ms"),
        Index("ix_outbox_recipient", "recipient", "kind"),
        Index("uq_outbox_once", "once", unique=True),
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # one of `koyjabo.people.mail.contents.KINDS`
    email: Mapped[Email]
    recipient: Mapped[Digest]  # a keyed hash of the address, to limit the emails sent to it
    language: Mapped[str | None] = mapped_column(String(8))
    data: Mapped[str]  # JSON: names, ids and numbers, no secrets
    once: Mapped[Digest | None]  # a keyed hash; a second row with the same value is not stored
    created_ms: Mapped[int]
    due_ms: Mapped[int]  # the next attempt
    attempts: Mapped[int] = mapped_column(Integer)
    failure: Mapped[str | None]  # the last attempt's SMTP status or kind of error
    done_ms: Mapped[int | None]  # when it was sent, or given up if there is a `failure`


class MailBudget(Model):
    """How many emails to strangers an account, a network or the whole server has sent on one day."""

    __tablename__ = "mail_budgets"
    __table_args__ = (Index("ix_mail_budgets_expires", "expires_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(32), primary_key=True)  # a keyed hash that changes daily
    used: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int]


class EmailLink(Model):
    """A link that was emailed to a user, or printed at a start; `purpose` is `reset`, `verify` or `login`. Using the
    link deletes the row.
    """

    __tablename__ = "email_links"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    user_id: Mapped[UserId] = mapped_column(index=True)
    purpose: Mapped[Word]
    email_key: Mapped[Email]  # the link is invalid once the user's email has changed
    expires_ms: Mapped[int] = mapped_column(index=True)


class Invitation(Model):
    """An invitation to a role in a community. Anyone with the link can use it. Accepting or declining it deletes the
    row.
    """

    __tablename__ = "invitations"
    __table_args__ = (Index("uq_invitations_community_email", "community_id", "email_key", unique=True),)

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    community_id: Mapped[CommunityId]
    email: Mapped[Email]
    email_key: Mapped[Email] = mapped_column(index=True)
    role: Mapped[Word]
    invited_by: Mapped[UserId] = mapped_column(index=True)
    created_ms: Mapped[int]
    expires_ms: Mapped[int] = mapped_column(index=True)
    # The account that was created with it while sign-up is closed; no other can use it.
    taken_by: Mapped[Uuid | None]
    inviter: Mapped[User] = related()
    community: Mapped[Community] = related()


class PanelInvitation(Model):
    """An invitation to a role on the site, with access to the panel. Anyone with the link can use it. Accepting or
    declining it deletes the row.
    """

    __tablename__ = "panel_invitations"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    email: Mapped[Email]
    email_key: Mapped[Email] = mapped_column(unique=True)
    role: Mapped[Word]  # any of SITE_ROLES except the lowest
    invited_by: Mapped[UserId] = mapped_column(index=True)
    created_ms: Mapped[int]
    expires_ms: Mapped[int] = mapped_column(index=True)
    # The account that was created with it while sign-up is closed; no other can use it.
    taken_by: Mapped[Uuid | None]
    inviter: Mapped[User] = related()
    community = None  # unlike `Invitation`, it leads to the panel
