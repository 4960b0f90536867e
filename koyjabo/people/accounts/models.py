"""Login sessions, two-step login, links in emails, and invitations. The tables do not contain the links' tokens
(`koyjabo.base.core.link_tokens`).
"""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Digest, Email, Model, Uuid, Word, related
from koyjabo.base.network import user_agents
from koyjabo.base.network.user_agents import Browser
from koyjabo.people.models import Community, CommunityId, User, UserId


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
