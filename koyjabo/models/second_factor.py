"""Second factors of users: authenticator apps, recovery codes and passkeys, and the steps of a login that need them."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.models.columns import Model


class TotpSecret(Model):
    """The secret that a user's authenticator app shares with the server (RFC 6238). It counts when it is confirmed."""

    __tablename__ = "totp_secrets"

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)  # encrypted with a key derived from SECRET_KEY
    began_ms: Mapped[int] = mapped_column(BigInteger)
    confirmed_ms: Mapped[int | None] = mapped_column(BigInteger)
    guesses: Mapped[int] = mapped_column(Integer)  # codes since `guessing_ms`, of which none was right
    guessing_ms: Mapped[int] = mapped_column(BigInteger)


class RecoveryCode(Model):
    """An unused recovery code: a keyed hash of it."""

    __tablename__ = "recovery_codes"
    __table_args__ = {"sqlite_with_rowid": False}

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)


class Passkey(Model):
    """A WebAuthn credential. Binary values are base64url, as in WebAuthn's JSON."""

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # of up to 1,023 bytes
    public_key: Mapped[str] = mapped_column(Text)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    used_ms: Mapped[int | None] = mapped_column(BigInteger)


class SpentCode(Model):
    """A code of an authenticator app that was used. The key makes it good for one use, on all servers together."""

    __tablename__ = "spent_codes"
    __table_args__ = {"sqlite_with_rowid": False}

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # 30 s each, since 1970


class PendingStep(Model):
    """A login that waits for its second step, or a passkey that is being made. `token` is a hash of the client's."""

    __tablename__ = "pending_steps"
    __table_args__ = {"sqlite_with_rowid": False}

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    password_mark: Mapped[str] = mapped_column(String(64))  # changes with the password; "" before it is known whose
    visitor_id: Mapped[str | None] = mapped_column(String(128))
    challenge: Mapped[str | None] = mapped_column(String(128))  # of a passkey
    tries: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)
