"""/admin/settings: the most important settings, all settings that differ from their defaults, and a test email."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import Response
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape

from koyjabo.base.core.i18n import N_
from koyjabo.base.settings.catalogue import BASICS, Setting, catalogue
from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.smtp import NotDelivered
from koyjabo.web.current import admin as bp
from koyjabo.web.current import current
from koyjabo.web.limits import limits
from koyjabo.web.pages.guides import linked
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import me, page

CODE = re.compile("`([^`]+)`")

TIMEOUT = N_("The mail server did not respond in time. Many hosts block port 25: use 587 or 465.")
REASONS = {
    "ConnectionRefusedError": N_("No mail server listens at the host and port in SMTP_URL."),
    "SMTPConnectError": N_("The mail server refuses connections from this server."),
    "SMTPNotSupportedError": N_(
        "The mail server offers no STARTTLS or no login at this port, but SMTP_URL requires it."
    ),
    "SMTPServerDisconnected": N_("The mail server closed the connection. Check the port and the login in SMTP_URL."),
    "SSLCertVerificationError": N_("The certificate of the mail server is not valid for the host in SMTP_URL."),
    "SSLError": N_("The mail server has no TLS at this port: write smtp:// for port 587 and smtps:// for port 465."),
    "TimeoutError": TIMEOUT,
    "address": N_("Your account's email is not an address that mail can be sent to."),
    "gaierror": N_("The host in SMTP_URL has no address. Check its spelling."),
    "timeout": TIMEOUT,
    **dict.fromkeys(("530", "534", "535"), N_("The mail server refused the user or the password in SMTP_URL.")),
}
REFUSED, FAILED = N_("The mail server refused the email."), N_("The email could not be handed to the mail server.")


class MailTest(NamedTuple):
    """The result of a test email. `problem` is a sentence, or "" if the mail server accepted the email. `code` and
    `reply` come from the mail server.
    """

    email: str
    problem: str = ""
    code: str = ""
    reply: str = ""

    @classmethod
    def failed(cls, email: str, error: NotDelivered) -> MailTest:
        code = str(error)
        return cls(email, REASONS.get(code, REFUSED if code.isdigit() else FAILED), code, error.reply)


@bp.get("/settings")
@for_viewers
def settings() -> Response:
    return show()


@bp.post("/settings/test-mail")
def test_mail() -> Response:
    """Send a test email to the admin and show the mail server's response."""
    account = me()
    limits.count_test_mail(account.id)
    try:
        current()[MailOutbox].send_test(account.email, str(get_locale()))
    except NotDelivered as error:
        return show(502, MailTest.failed(account.email, error))
    return show(200, MailTest(account.email))


def show(status: int = 200, tested: MailTest | None = None) -> Response:
    settings = catalogue(current()[Settings])
    return page(
        "panel/settings",
        status,
        basics=[settings[name] for name in BASICS],
        others=[setting for name, setting in settings.items() if setting.is_changed and name not in BASICS],
        count=len(settings),
        meaning=_as_html,
        sends_mail=current()[MailOutbox].is_on,
        own_email=me().email,
        tested=tested,
    )


def _as_html(setting: Setting) -> Markup:
    """A setting's description in the page's language, with code marked up."""
    meaning = _(setting.meaning)
    sentence = _("%(meaning)s.", meaning=meaning[:1].upper() + meaning[1:])
    return linked(Markup(CODE.sub(r"<code>\1</code>", str(escape(sentence)))))
