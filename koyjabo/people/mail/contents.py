"""The contents of each kind of email, in the recipient's language. Names in them are `mailable`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, INVITATION, PANEL_INVITATION, PASSWORD_RESET
from koyjabo.base.network.location_names import UNKNOWN_LOCATION, in_language
from .localizer import Localizer
from .mailable import mailable

COMMUNITY_ROLE_NAMES = {"member": N_("Member"), "moderator": N_("Moderator"), "admin": N_("Admin")}
PANEL_ROLE_NAMES = {"viewer": N_("Viewer"), "admin": N_("Admin")}
IGNORE_HINT = N_("If you did not ask for this, you can ignore this email.")
AFTER_LOGIN = N_("The link asks you to log in to that account.")
TAKEOVER = N_(
    "This email has never been confirmed for the account, so someone else may be using it. A new password also "
    "removes its authenticator app and recovery codes, and revokes its share links and invitations. "
    "Its name and communities stay: check them after you log in."
)


SETTING_NAMES = {"PUBLIC_URL": N_("the address in emails"), "SMTP_URL": N_("the mail server")}


class Listing(NamedTuple):
    """A list with a title."""

    title: str
    items: list[str]

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"- {item}" for item in self.items)])


class Contents(NamedTuple):
    """The contents of an email. `link` has a label and a path below PUBLIC_URL; with a purpose, the path ends with a
    token.
    """

    subject: str
    paragraphs: Sequence[str | Listing]
    label: str = ""
    path: str = ""
    purpose: str = ""
    closing: str = ""


def verify(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("Confirm your email")),
        [
            say(N_("Someone, probably you, used this email for an account. Please confirm that it is yours.")),
            say(AFTER_LOGIN),
        ],
        say(N_("Confirm this email")),
        "/verify-email/",
        EMAIL_VERIFICATION,
        closing=say(IGNORE_HINT),
    )


def reset(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("Choose a new password")),
        [
            say(N_("Someone, probably you, asked for a new password for your account.")),
            say(N_("This link works once, for 30 minutes. A new password logs you out everywhere.")),
            *([say(TAKEOVER)] if data.get("is_takeover") else []),
        ],
        say(N_("Choose a new password")),
        "/reset-password/",
        PASSWORD_RESET,
        closing=say(IGNORE_HINT),
    )


def invitation(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say, community = speech.say, mailable(data["community"])
    names = {"name": mailable(data["by"]) or say(N_("Someone")), "community": community}
    subject, offer = N_("Invitation to a community"), N_("%(name)s has invited you to a community.")
    if community:
        subject = N_("Invitation to %(community)s")
        offer = N_("%(name)s has invited you to the community %(community)s.")
    return Contents(
        say(subject, **names),
        [
            say(offer, **names),
            say(N_("Your role: %(role)s"), role=say(COMMUNITY_ROLE_NAMES[data["role"]])),
            say(N_("You become a member only if you accept. The link works once, for a week.")),
        ],
        say(N_("See the invitation")),
        "/invitations/",
        INVITATION,
        closing=say(N_("If you do not know this person, you can ignore this email.")),
    )


def panel_invitation(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("Invitation to the panel")),
        [
            say(
                N_("%(name)s has invited you to this site's admin panel."),
                name=mailable(data["by"]) or say(N_("Someone")),
            ),
            say(N_("Your role: %(role)s"), role=say(PANEL_ROLE_NAMES[data["role"]])),
            say(N_("You get access only if you accept. The link works once, for a week.")),
        ],
        say(N_("See the invitation")),
        "/invitations/",
        PANEL_INVITATION,
        closing=say(N_("If you do not know this person, you can ignore this email.")),
    )


def email_changed(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("Your email address was changed")),
        [
            say(N_("Your account no longer uses this email address.")),
            say(N_("If that was not you, contact the people who run this site at once.")),
        ],
    )


def email_new(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("This is now the email of your account")),
        [
            say(N_("Your account uses this email from now on. Please confirm that it is yours.")),
            say(AFTER_LOGIN),
        ],
        say(N_("Confirm this email")),
        "/verify-email/",
        EMAIL_VERIFICATION,
        closing=say(IGNORE_HINT),
    )


def sign_in(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    browser = ", ".join(filter(None, (data["browser"], data["system"]))) or say(N_("Unknown browser"))
    place = (
        say(N_("Unknown")) if data["place"] in ("", UNKNOWN_LOCATION) else in_language(data["place"], speech.language)
    )
    return Contents(
        say(N_("New login to your account")),
        [
            say(N_("Someone logged in to your account from a browser we have not seen before:")),
            f"{browser}\n{place}\n{speech.moment(data['at_ms'])}",
            say(N_("If that was you, you can ignore this. If not, change your password at once.")),
        ],
        say(N_("Your account")),
        "/account",
    )


def backup_failed(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("A backup failed")),
        [
            f"{speech.moment(data['at_ms'])}\n{' '.join(data['error'].split())}",
            say(N_("Earlier verified backups are kept.")),
            say(N_("You will get no more email about failures until a backup succeeds again.")),
        ],
        say(N_("See the backups")),
        "/admin/server",
    )


def settings(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    names = ", ".join(say(SETTING_NAMES[name]) for name in data["names"])
    return Contents(
        say(N_("Settings of this site were changed")),
        [
            say(N_("%(name)s changed: %(settings)s"), name=mailable(data["by"]) or say(N_("Someone")), settings=names),
            say(N_("This email comes from the earlier mail server.")),
            say(N_("If no admin made the change, undo it on the page Server.")),
        ],
        say(N_("Open the page Server")),
        "/admin/server",
    )


def test(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    say = speech.say
    return Contents(
        say(N_("A test email")),
        [say(N_("Email from this server works. An admin sent this test from the page Server."))],
        say(N_("Open the page Server")),
        "/admin/server",
    )


CONTENTS_BY_KIND: dict[str, Callable[[Localizer, Mapping[str, Any]], Contents]] = {
    "verify": verify,
    "reset": reset,
    "invitation": invitation,
    "panel_invitation": panel_invitation,
    "email_changed": email_changed,
    "email_new": email_new,
    "sign_in": sign_in,
    "backup_failed": backup_failed,
    "settings": settings,
    "test": test,
}
