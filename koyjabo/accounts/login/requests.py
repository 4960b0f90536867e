"""The bodies of requests and responses of /api/auth. `koyjabo.core.credential_rules` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from koyjabo.core import credential_rules
from koyjabo.core.identity import Account
from koyjabo.webkit.schemas.bodies import JSON, Body
from koyjabo.webkit.schemas.fields import NULL, OptionalVisitorId, Text


def _checked(rule: Callable[[str], str], value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("unusable", "must be a text")
    try:
        return rule(value)
    except ValueError as error:
        raise PydanticCustomError("unusable", str(error)) from None


def _by(rule: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(partial(_checked, rule))


EMAIL_SCHEMA = {"type": "string", "pattern": r"^\s*[^\s@]+@[^\s@]+\s*$", "maxLength": credential_rules.LONGEST_EMAIL}

Email = Annotated[str, _by(credential_rules.email), WithJsonSchema(EMAIL_SCHEMA)]
OptionalEmail = Annotated[
    str | None,
    BeforeValidator(lambda value: None if value is None else _checked(credential_rules.email, value)),
    WithJsonSchema({"anyOf": [EMAIL_SCHEMA, NULL]}),
]
NewPassword = Annotated[
    str,
    _by(credential_rules.password),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": credential_rules.SHORTEST_PASSWORD,
            "maxLength": credential_rules.LONGEST_PASSWORD,
        }
    ),
]
Typed = Annotated[str, _by(str)]
"""Any text: it is compared with a stored value, so the rules for new values do not apply."""


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
