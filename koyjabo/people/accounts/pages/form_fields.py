"""Form fields that differ from the API's."""

from koyjabo.people.accounts.login.schemas import CodeBody
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Email, NewPassword, Text, Typed


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
