"""The mail server on the page Server: its row, a test email, and the emails that wait or were not sent."""

from typing import Any, NamedTuple

from flask import Response, g, request
from flask_babel import get_locale, lazy_gettext as _

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.network.origins import Origins
from koyjabo.base.settings import smtp_url
from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail import kinds
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.mail.smtp import NotDelivered
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.i18n import translated
from koyjabo.web.limits import limits
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import FirstStep, ServerRow, show_row
from koyjabo.web.schemas.bodies import Body

bp = panel_blueprint("mail")

MAIL_ROW = "mail"

MAIL_LABELS = {
    "verify": _("Confirm an email"),
    "reset": _("New password"),
    "invitation": _("Invitation"),
    "panel_invitation": _("Invitation"),
    "settings": _("Settings changed"),
    "email_changed": _("Changed email"),
    "email_new": _("Changed email"),
    "sign_in": _("New login"),
    "backup_failed": _("Failed backup"),
    "test": _("Test"),
}

MAIL_REASONS = {
    "530": N_("The mail server requires a login or TLS first."),
    **dict.fromkeys(("534", "535"), N_("The mail server refused the login.")),
    "address": N_("Your account's email is not an address that mail can be sent to."),
    "authority": N_("The certificate of the mail server is from an authority that this machine does not trust."),
    "certificate": N_("The certificate of the mail server is not valid."),
    "closed": N_("The mail server closed the connection. Check the port and the login."),
    "composed": N_("The email could not be written; the server's log has the reason."),
    "host": N_("The certificate of the mail server is not valid for this host."),
    "name": N_("The mail server's host was not found. Check its spelling."),
    "no_login": N_("The mail server offers no login at this port."),
    "no_password": N_("The mail server offers no login with a password."),
    "no_starttls": N_("The mail server offers no STARTTLS at this port."),
    "no_tls": N_("The mail server has no TLS at this port: use STARTTLS for port 587, and TLS for port 465."),
    "no_utf8": N_("The mail server accepts only email addresses in ASCII letters."),
    "off": N_("No mail server is set."),
    "refused": N_("No mail server listens at this host and port."),
    "sender": N_("The mail server refused the sender's address: use one that its user may send from."),
    "silent": N_(
        "The mail server did not respond in time. Port 465 needs TLS and 587 STARTTLS; many hosts block port 25."
    ),
    "tls": N_("The mail server and this server could not agree on a TLS connection."),
}
"""Sentences by the reason of NotDelivered, each true for all errors with it."""

WRONG_FIELDS = {
    "host": N_("This is not the name of a mail server."),
    "port": N_("The port is a number from 1 to 65535."),
    "sender": N_("This is not an email address."),
    "smtp_password": N_("The host or the user has changed: type the password again."),
}
MAIL_REFUSED, MAIL_FAILED = (
    N_("The mail server refused the email."),
    N_("The email could not be handed to the mail server."),
)

declare_texts(
    host=N_("Mail server"),
    port=N_("Port"),
    user=N_("User"),
    sender=N_("Sender"),
    sender_name=N_("Name of the sender"),
    public_url=N_("Address in emails"),
)


class MailTest(NamedTuple):
    """The result of a test email. `problem` is a sentence, or "" if the mail server accepted the email. `code` and
    `reply` come from the mail server.
    """

    email: str
    problem: str = ""
    code: str = ""
    reply: str = ""

    @classmethod
    def failed(cls, email: str, error: NotDelivered) -> "MailTest":
        code = str(error)
        return cls(email, _mail_sentence(code), code, error.reply)


class MailRow(ServerRow):
    template = "mail_server/server.html"

    def read(self, form: Form[Any] | None) -> dict[str, Any]:
        outbox, email = current()[MailOutbox], me().email
        return {
            "tested": g.get("tested_mail"),
            "email": email,
            "has_inbox": email != PLACEHOLDER_EMAIL,
            "status": outbox.status,
            "kinds": MAIL_LABELS | {kind: _(label) for kind, label in kinds.KIND_LABELS.items()},
            "reason": _mail_reason,
        }

    def form(self, form: Form[Any]) -> Form[Any]:
        """A form with a field for each part of the mail server's URL."""
        settings = current()[Settings]
        values: dict[str, object] = settings.smtp._asdict() if settings.smtp else {"security": "starttls"}
        if values.get("port") == smtp_url.PORTS["smtps" if values["security"] == "tls" else "smtp"]:
            values["port"] = ""
        return Form(Body, {**values, "public_url": current()[Origins].site(request) or ""})

    def changes(self, form: Form[Any], changes: dict[str, str]) -> dict[str, str]:
        return _settings_of(form.values)


MAIL_ROWS = {MAIL_ROW: MailRow()}
MAIL_STEPS = {MAIL_ROW: FirstStep(6, MailRow.template, N_("Set up"), lambda: current()[MailOutbox].is_on)}


@bp.post("/server/test-mail")
def test_mail() -> Response:
    """Send a test email to the admin and show the mail server's response."""
    account = me()
    limits.count_account("test_mails", account.id)
    try:
        current()[MailOutbox].send_test(account.email, str(get_locale()))
    except NotDelivered as error:
        g.tested_mail = MailTest.failed(account.email, error)
        return show_row("", None, 502)
    g.tested_mail = MailTest(account.email)
    return show_row("", None, 200)


def _mail_sentence(code: str) -> str:
    return MAIL_REASONS.get(code, MAIL_REFUSED if code.isdigit() else MAIL_FAILED)


def _mail_reason(failure: str) -> str:
    """A stored failure as a sentence, with the mail server's own words."""
    code, _, words = failure.partition(" ")
    return " ".join(filter(None, (translated(_mail_sentence(code)), code if code.isdigit() else "", words)))


def _settings_of(typed: dict[str, str]) -> dict[str, str]:
    """SMTP_URL from the fields of the mail server, and PUBLIC_URL if it is not set. Without a host, email is turned
    off. An empty password keeps the earlier one, but only for the same host and user. Raises InvalidInput about the
    wrong field.
    """
    settings, password = current()[Settings], typed.get("smtp_password", "")
    if not typed.get("host"):
        return {"SMTP_URL": ""}
    earlier, user = settings.smtp, typed.get("user")
    if earlier and user and not password:
        password = earlier.password
        if password and (typed["host"], user) != (earlier.host, earlier.user):
            raise InvalidInput(details={"smtp_password": WRONG_FIELDS["smtp_password"]})
    url = smtp_url.written(**{name: typed.get(name, "") for name in smtp_url.SMTP_FIELDS}, password=password)
    try:
        smtp_url.parse(url)
    except ValueError:
        port, sender = typed.get("port", ""), smtp_url.SENDER.fullmatch(typed.get("sender", ""))
        is_port = not port or (port.isdecimal() and 0 < int(port[:6]) < 65536)
        wrong = "port" if not is_port else "host" if sender else "sender"
        raise InvalidInput(details={wrong: WRONG_FIELDS[wrong]}) from None
    origin = typed.get("public_url", current()[Origins].site(request) or "")
    return {"SMTP_URL": url, **({} if settings.public_url else {"PUBLIC_URL": origin})}
