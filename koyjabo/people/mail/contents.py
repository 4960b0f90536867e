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
    _ = speech.say
    return Contents(
        _("Confirm your email"),
        [
            _("Someone, probably you, used this email for an account. Please confirm that it is yours."),
            _(AFTER_LOGIN),
        ],
        _("Confirm this email"),
        "/verify-email/",
        EMAIL_VERIFICATION,
        closing=_(IGNORE_HINT),
    )


def reset(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    return Contents(
        _("Choose a new password"),
        [
            _("Someone, probably you, asked for a new password for your account."),
            _("This link works once, for 30 minutes. A new password logs you out everywhere."),
            *([_(TAKEOVER)] if data.get("is_takeover") else []),
        ],
        _("Choose a new password"),
        "/reset-password/",
        PASSWORD_RESET,
        closing=_(IGNORE_HINT),
    )


def invitation(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _, community, role = speech.say, mailable(data["community"]), COMMUNITY_ROLE_NAMES[data["role"]]
    names = {"name": mailable(data["by"]) or _("Someone"), "community": community}
    subject, offer = N_("Invitation to a community"), N_("%(name)s has invited you to a community.")
    if community:
        subject = N_("Invitation to %(community)s")
        offer = N_("%(name)s has invited you to the community %(community)s.")
    return Contents(
        _(subject, **names),
        [
            _(offer, **names),
            _("Your role: %(role)s", role=_(role)),
            _("You become a member only if you accept. The link works once, for a week."),
        ],
        _("See the invitation"),
        "/invitations/",
        INVITATION,
        closing=_("If you do not know this person, you can ignore this email."),
    )


def panel_invitation(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _, role = speech.say, PANEL_ROLE_NAMES[data["role"]]
    return Contents(
        _("Invitation to the panel"),
        [
            _(
                "%(name)s has invited you to this site's admin panel.",
                name=mailable(data["by"]) or _("Someone"),
            ),
            _("Your role: %(role)s", role=_(role)),
            _("You get access only if you accept. The link works once, for a week."),
        ],
        _("See the invitation"),
        "/invitations/",
        PANEL_INVITATION,
        closing=_("If you do not know this person, you can ignore this email."),
    )


def email_changed(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    return Contents(
        _("Your email address was changed"),
        [
            _("Your account no longer uses this email address."),
            _("If that was not you, contact the people who run this site at once."),
        ],
    )


def email_new(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    return Contents(
        _("This is now the email of your account"),
        [
            _("Your account uses this email from now on. Please confirm that it is yours."),
            _(AFTER_LOGIN),
        ],
        _("Confirm this email"),
        "/verify-email/",
        EMAIL_VERIFICATION,
        closing=_(IGNORE_HINT),
    )


def sign_in(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    browser = ", ".join(filter(None, (data["browser"], data["system"]))) or _("Unknown browser")
    place = _("Unknown") if data["place"] in ("", UNKNOWN_LOCATION) else in_language(data["place"], speech.language)
    return Contents(
        _("New login to your account"),
        [
            _("Someone logged in to your account from a browser we have not seen before:"),
            f"{browser}\n{place}\n{speech.moment(data['at_ms'])}",
            _("If that was you, you can ignore this. If not, change your password at once."),
        ],
        _("Your account"),
        "/account",
    )


def backup_failed(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    return Contents(
        _("A backup failed"),
        [
            f"{speech.moment(data['at_ms'])}\n{' '.join(data['error'].split())}",
            _("Earlier verified backups are kept."),
            _("You will get no more email about failures until a backup succeeds again."),
        ],
        _("See the backups"),
        "/admin/server",
    )


def settings(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    names = ", ".join(_(SETTING_NAMES[name]) for name in data["names"])
    return Contents(
        _("Settings of this site were changed"),
        [
            _("%(name)s changed: %(settings)s", name=mailable(data["by"]) or _("Someone"), settings=names),
            _("This email comes from the earlier mail server."),
            _("If no admin made the change, undo it on the page Server."),
        ],
        _("Open the page Server"),
        "/admin/server",
    )


def test(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    return Contents(
        _("A test email"),
        [_("Email from this server works. An admin sent this test from the page Server.")],
        _("Open the page Server"),
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
