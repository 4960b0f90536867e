"""The bodies of requests and responses of /api/auth."""

from __future__ import annotations

from pydantic import BaseModel, Field

from koyjabo.core.identity import Account
from koyjabo.webkit.schemas.bodies import JSON, Body
from koyjabo.webkit.schemas.fields import Email, NewPassword, OptionalEmail, OptionalVisitorId, Text, Typed


class LoginBody(Body):
    media = JSON

    email: Typed = Field(examples=["ayesha@example.com"])
    password: Typed
    visitorId: OptionalVisitorId = Field(
        None, description="the visitorId used before signing up or logging in; records a conversion"
    )


class SignupBody(LoginBody):
    email: Email = Field(examples=["ayesha@example.com"])
    password: NewPassword
    name: Text = Field(None, description="default: the part of the email before the @")


class PasswordBody(Body):
    media = JSON

    current_password: Typed
    new_password: NewPassword


class ProfileBody(Body):
    """Missing fields do not change."""

    media = JSON

    password: Typed = Field(description="your password")
    name: Text = Field(None, description="without a visible character: the part of the email before the @")
    email: OptionalEmail = Field(None, examples=["ayesha@example.com"])
    code: Text = Field(None, description="needed for another email while an authenticator app is on")


class PasswordResetBody(Body):
    media = JSON

    email: Email = Field(examples=["ayesha@example.com"])


class UserAnswer(BaseModel):
    """A user's account."""

    id: str
    email: str
    name: str
    is_admin: bool = Field(description="site admin, and so an admin of every community")

    @classmethod
    def of(cls, account: Account) -> UserAnswer:
        return cls(id=account.id, email=account.email, name=account.name, is_admin=account.is_admin)


class TokensAnswer(BaseModel):
    """A login. The same two tokens are set as cookies."""

    access_token: str = Field(description="valid for 15 minutes")
    refresh_token: str = Field(description="valid for 30 days and for one POST /api/auth/refresh")
    user: UserAnswer
