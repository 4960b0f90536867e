"""Form fields that differ from the API's."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from koyjabo.people.accounts.login.schemas import CodeBody, PasskeyName, SecondFactorBody, object_only
from koyjabo.web.schemas.bodies import Body, Email, NewPassword, Text, Typed, refuse


def _from_text(value: Any) -> dict[str, Any] | None:
    """Parse JSON that a script has written into a field."""
    try:
        return object_only(json.loads(value)) if value else None
    except (ValueError, RecursionError):
        raise refuse("must be JSON") from None


CredentialText = Annotated[dict[str, Any] | None, BeforeValidator(_from_text)]


class NewPasswordBody(Body):
    """Form on the page that a password reset link opens."""

    new_password: NewPassword


class DetailsBody(Body):
    """Form for one's own name and email. It proves who its user is by other fields."""

    name: Text = None
    email: Email | None = None


class EnrolBody(CodeBody):
    """Form for setting up two-step login during a login."""

    token: Typed


class SecondStepBody(SecondFactorBody):
    credential: CredentialText = None


class NewPasskeyBody(Body):
    credential: CredentialText = None
    name: PasskeyName = ""
