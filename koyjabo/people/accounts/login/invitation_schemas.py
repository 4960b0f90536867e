"""Bodies and responses for invitations, shared by the API and pages, and ways to send a link by hand."""

from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

from flask import url_for
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, SITE_VIEWER
from koyjabo.people.accounts.users.invitation_queries import AnyInvitation
from koyjabo.people.accounts.users.invitations import Invited, Mailed
from koyjabo.web.pages import links
from koyjabo.web.schemas.fields import Email
from koyjabo.web.schemas.validators import refuse
from .schemas import ProofBody

INVITED_ROLES = (SITE_VIEWER, SITE_ADMIN)

UNSENT_SENTENCES = {
    "unconfirmed": N_(
        "Invitation ready, but not emailed: your own email is not confirmed. Copy the link and send it to %(name)s."
    ),
    "limited": N_(
        "Invitation ready, but not emailed: too many emails were sent today. Copy the link and send it to %(name)s."
    ),
}
"""Messages about invitations that were not emailed although this server sends emails."""


def _panel_role(value: Any) -> str:
    if not isinstance(value, str) or value not in INVITED_ROLES:
        raise refuse(N_("must be viewer or admin"))
    return value


PanelRole = Annotated[
    str, BeforeValidator(_panel_role), WithJsonSchema({"type": "string", "enum": list(INVITED_ROLES)})
]


class PanelInvitationBody(ProofBody):
    """An invitation, with the inviter's own password."""

    may_be_absent = False

    email: Email = Field(examples=["ayesha@example.com"])
    role: PanelRole


class InvitedResponse(BaseModel):
    """A new invitation. No field depends on whether there is an account with this email."""

    status: Literal["invited"]
    link: str = Field(description="for sending by hand", examples=["https://live.example.com/invitations/qLm0…"])
    mail: Mailed = Field(
        description="whether the link was emailed; it is not if the server sends no emails, your own email is not "
        "confirmed, or today's limit of emails is reached"
    )

    @classmethod
    def of(cls, invited: Invited) -> "InvitedResponse":
        return cls(status="invited", link=link(invited.token), mail=invited.mail)


class PanelRoleResponse(BaseModel):
    """Your role in the panel."""

    user_id: str
    role: str = Field(description="viewer or admin")


class SentInvitation(NamedTuple):
    """A pending invitation, with its link and the ways to send it."""

    invitation: AnyInvitation
    link: str
    whatsapp: str
    mail: str
    code: str  # URL of its QR code


def link(token: str) -> str:
    return links.to("pages_communities.invitation", token=token)


def flash_sentence(invited: Invited) -> str:
    """The message about the invitation."""
    return UNSENT_SENTENCES.get(invited.mail, N_("Invitation ready. Copy the link and send it to %(name)s."))


def sent(invitation: AnyInvitation, token: str, title: str) -> SentInvitation:
    """The invitation to show. `title` names what it invites to, in the messages that send its link."""
    address = link(token)
    text = quote(f"{title}\n{address}")
    return SentInvitation(
        invitation,
        address,
        f"https://wa.me/?text={text}",
        f"mailto:{quote(invitation.email, safe='@')}?subject={quote(title)}&body={text}",
        url_for("pages_communities.invitation_code", token=token),
    )
