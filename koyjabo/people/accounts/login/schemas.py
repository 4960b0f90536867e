"""Request and response bodies for accounts."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.pending_steps import TwoStepDue
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Email, Flag, NewPassword, Text, Typed, VisitorId
from koyjabo.web.schemas.validators import or_null, refuse

REQUIRED_TEXT = N_("is required")
APPEAR_OFFLINE = "others see this person in numbers of people online, but not by name"
CODE_TEXT = "6 digits from the authenticator app, or a recovery code"


class LoginBody(Body):
    email: Typed = Field(examples=["ayesha@example.com"])
    password: Typed
    visitorId: VisitorId | None = Field(
        None, description="the visitorId used before signing up or logging in; records a conversion"
    )


class SignupBody(LoginBody):
    email: Email = Field(examples=["ayesha@example.com"])
    password: NewPassword
    name: Text = Field(None, description="default: the part of the email before the @")


class PasswordBody(Body):
    current_password: Typed
    new_password: NewPassword


class PasswordResetBody(Body):
    email: Email = Field(examples=["ayesha@example.com"])


class UserResponse(BaseModel):
    """A user's account."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str
    is_admin: bool = Field(description="site admin, and thereby an admin of every community")


class OwnAccountResponse(UserResponse):
    """Your own account."""

    appear_offline: bool = Field(description=APPEAR_OFFLINE)


class TokensResponse(BaseModel):
    """The tokens of a login. They are also set as cookies."""

    access_token: str = Field(description="valid for 15 minutes")
    refresh_token: str = Field(description="valid for 30 days and for one POST /api/auth/refresh")
    user: UserResponse


def _optional_text(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise refuse("must be a text")
    return value


OptionalTyped = Annotated[str | None, BeforeValidator(_optional_text), WithJsonSchema(or_null({"type": "string"}))]


class SecondFactorBody(Body):
    """Completes a two-step login."""

    token: Typed = Field(description="from the first step")
    code: Typed = Field(description=CODE_TEXT)
    remember: Flag = Field(False, description="let this browser skip two-step login for 30 days")


class ProofBody(Body):
    """Proof for a change to two-step login."""

    may_be_absent = True

    password: OptionalTyped = Field(None, description="your password; not needed with an enrolment token")
    code: OptionalTyped = Field(None, description=f"{CODE_TEXT}; required while an authenticator app is on")

    def required_password(self) -> str:
        """The password. Raises InvalidInput if it is missing."""
        if self.password is None:
            raise InvalidInput(details={"password": REQUIRED_TEXT})
        return self.password


class ProfileBody(ProofBody):
    """Changes to your account. Missing fields are not changed."""

    may_be_absent = False

    password: OptionalTyped = Field(None, description="your password; not needed to change only `appear_offline`")
    name: Text = Field(None, description="if it has no visible characters: the part of the email before the @")
    email: Email | None = Field(None, examples=["ayesha@example.com"])
    code: Text = Field(None, description="required to change the email while an authenticator app is on")
    appear_offline: Flag | None = Field(None, description=APPEAR_OFFLINE)

    @property
    def is_about_presence(self) -> bool:
        """Whether only `appear_offline` is to be changed."""
        return self.appear_offline is not None and self.name is None and self.email is None


class CodeBody(Body):
    code: Typed = Field(description="6 digits from the authenticator app", examples=["492039"])


class DueResponse(BaseModel):
    """How to complete a login: with one of `methods` or, if `enrol` is true, by setting up two-step login."""

    token: str = Field(description="valid for 10 minutes and 5 tries")
    methods: list[str] | None = Field(None, description="one or both of totp and recovery")
    enrol: bool | None = Field(
        None, description="true: POST to /api/auth/totp and /api/auth/totp/confirm with `token` as the bearer token"
    )


class SecondFactorResponse(BaseModel):
    """A login that is not complete yet. No tokens or cookies are issued until it is."""

    second_factor: DueResponse

    @classmethod
    def of(cls, due: TwoStepDue) -> "SecondFactorResponse":
        if due.must_enrol:
            return cls(second_factor=DueResponse(token=due.token, methods=None, enrol=True))
        return cls(second_factor=DueResponse(token=due.token, methods=list(due.methods), enrol=None))


class StateResponse(BaseModel):
    """The state of your two-step login."""

    totp: bool = Field(description="an authenticator app is on")
    recovery_codes: int = Field(description="unused ones")


class TotpResponse(BaseModel):
    """The secret for an authenticator app. It has to be confirmed within 10 minutes."""

    secret: str = Field(description="base32")
    uri: str = Field(examples=["otpauth://totp/Koy%20Jabo:ayesha%40example.com?secret=…&issuer=Koy%20Jabo"])
    svg: str = Field(description="a QR code of `uri`")


class RecoveryCodesResponse(BaseModel):
    """Ten recovery codes, each valid for one login. They are shown only once."""

    recovery_codes: list[str] = Field(examples=[["7K3Q-XW2M-9D4T-HB6R"]])


class EnrolledResponse(TokensResponse):
    """The recovery codes, and the tokens of the login."""

    recovery_codes: list[str]
