"""/admin/server: warnings, what needs an admin, and the settings of the site.

A row shows a group of settings. `?edit=GROUP` opens its form, and POST /admin/server/settings/GROUP saves it.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode
from zoneinfo import available_timezones

from flask import Response, abort, request
from flask_babel import get_locale

from koyjabo.base.core.errors import BackupUnderWay, InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN
from koyjabo.base.core.installation import home
from koyjabo.base.core.sanitize import stripped
from koyjabo.base.jobs.running_jobs import ERASURE, EXPORT
from koyjabo.base.network.origins import Origins
from koyjabo.base.settings import smtp_url
from koyjabo.base.settings.catalogue import GROUP_ROWS, PAGE_SETTINGS, ROWS, masked_settings
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.clock_watch import CLOCK_ANSWER, RIGHT_CLOCK, VISITS_ANSWER
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.mail.smtp import NotDelivered
from koyjabo.site.setting_forms import FORM_ENDPOINTS
from koyjabo.upkeep.backups import ui as backups
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.clock.clock_answers import ClockAnswers
from koyjabo.upkeep.health import ui as health
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.look.mark import LARGE_MARK, MAX_MARK_BYTES, mark_of
from koyjabo.upkeep.look.site_marks import SiteMarks
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.http.body_sizes import takes_file
from koyjabo.web.i18n import translated
from koyjabo.web.limits import limits
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint, without_database
from koyjabo.web.panel.pages import me, my_login, page
from koyjabo.web.schemas.bodies import Body

bp = panel_blueprint("server")

FORM_SETTINGS = {row: tuple(setting.name for setting in settings) for row, settings in ROWS.items()}
FORM_SETTINGS["total"] = ("STARTING_TOTAL",)
"""The settings of each row's form. Another feature may save a form (FORM_ENDPOINTS)."""

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


MARK_ROW, MARK_NAME = "mark", "MARK"
"""The row of the mark, which is a file instead of a setting, and its name among the stored values left out."""

FORM_ENDPOINTS[MARK_ROW] = "panel_server.change_mark"

CLOCK_ROW = "clock"
"""The row of a clock in doubt, which is no setting."""

FORM_ENDPOINTS[CLOCK_ROW] = "panel_server.answer_clock"

OTHER_FORMS: dict[str, Callable[[], Form[Any]]] = {row: lambda: Form(Body) for row in (MARK_ROW, CLOCK_ROW)}
"""Forms of rows without settings."""

FORM_CHOICES: dict[str, Callable[[Form[Any]], dict[str, Any]]] = {}
"""What forms offer, by row."""

GROUP_LABELS = {"site": N_("Site"), "people": N_("People"), "data": N_("Data")}
JOB_LABELS = {EXPORT: N_("Export"), ERASURE: N_("Erasing a visitor")}

declare_texts(
    timezone=N_("Time zone"),
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


@bp.get("/server")
@without_database
def server() -> Response:
    stored, group = current()[StoredSettings], request.args.get("edit", "")
    stored.refresh()
    may_change = me().is_admin and not all(map(stored.is_fixed, FORM_SETTINGS.get(group, ())))
    form = None
    if me().is_admin and group in OTHER_FORMS:
        form = OTHER_FORMS[group]()
    elif may_change:
        form = _form(group)
    if form and group == "backups" and not current()[Backups].is_on:
        form.values["backup_dir"] = str(home() / "instance" / "backups")
    return show(form=form, group=group)


def show(status: int = 200, form: Form[Any] | None = None, group: str = "", tested: MailTest | None = None) -> Response:
    """Show the page, with a group's `form` if there is one."""
    stored, report = current()[StoredSettings], health.report()
    texts = {name: stored.settings.text_of(name) for name in PAGE_SETTINGS}
    texts = texts if me().is_admin else masked_settings(texts)
    return page(
        "panel/server",
        status,
        settings=stored.settings,
        rows=ROWS,
        groups=[(name, translated(label), GROUP_ROWS[name]) for name, label in GROUP_LABELS.items()],
        rare=[row for row in ROWS if not any(row in shown for shown in GROUP_ROWS.values())],
        set_here=[name for name in PAGE_SETTINGS if stored.source(name) == "page"],
        texts=texts,
        fixed={name: text for name, text in texts.items() if stored.is_fixed(name)},
        labels={name: translated(setting.label) for name, setting in PAGE_SETTINGS.items()}
        | {MARK_NAME: translated(N_("Mark"))},
        words={
            name: {value: translated(word) for value, word in setting.words.items()}
            for name, setting in PAGE_SETTINGS.items()
        },
        left_out=stored.left_out | ({MARK_NAME: problem} if (problem := current()[SiteMarks].problem) else {}),
        form=form,
        group=group if form else "",
        asks_proof=form and (_is_proved(group) or group == CLOCK_ROW or "password" in form.errors),
        endpoints=FORM_ENDPOINTS,
        zones=sorted(available_timezones()) if group == "zone" else (),
        backups_on=current()[Backups].is_on,
        at_first=backups.AT_FIRST,
        job_labels=JOB_LABELS,
        **(FORM_CHOICES[group](form) if form and group in FORM_CHOICES else {}),
        **(_stored_parts() if report["is_read"] else {}),
        tested=tested,
        mail_reason=_mail_reason,
        own_email=me().email,
        has_inbox=me().email != PLACEHOLDER_EMAIL,
        max_mark_bytes=MAX_MARK_BYTES,
        large_mark=translated(LARGE_MARK),
        **report,
    )


@bp.post("/server/settings/<group>")
def change_settings(group: str) -> Response:
    """Save a group. If a field is invalid, the page is shown again with its form."""
    if group not in FORM_SETTINGS or group in FORM_ENDPOINTS:
        abort(404)
    form = _form(group)
    with authentication.errors_in(form):
        changes = _sent(form, group)
        if _is_proved(group) or _is_shorter(changes.get("RETENTION_DAYS")):
            authentication.require_proof(my_login())
        if changes.get("REQUIRE_TWO_FACTOR", "none") != "none":
            _require_two_step_login()
        current()[StoredSettings].change(me(), **changes)
    if form.errors:
        form.errors = {name.lower(): why for name, why in form.errors.items()}
        return show(422, form, group)
    if "now" in request.form and current()[Backups].is_on:
        with suppress(BackupUnderWay):
            current()[Backups].begin(me())
        started = N_("The backup has started. It is listed here when it is complete.")
        return done(started, "panel_server.server", _anchor="backups")
    anchor = "steps" if "listed" in request.form else group
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=anchor)


@bp.post("/server/mark")
@takes_file
def change_mark() -> Response:
    """Store the mark in the file, or remove it. If it cannot be used, the page is shown again with its form."""
    form, sent = Form(Body), request.files.get("mark")
    with authentication.errors_in(form):
        content = sent.read(MAX_MARK_BYTES + 1) if sent else b""
        current()[SiteMarks].change(me(), None if "remove" in request.form else mark_of(content))
    if form.errors:
        return show(422, form, MARK_ROW)
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=MARK_ROW)


@bp.post("/server/clock")
def answer_clock() -> Response:
    """Say whether the clock or the visits are right. Without a proof, the page is shown again with its form."""
    form = Form(Body)
    with authentication.errors_in(form):
        authentication.require_proof(my_login())
        current()[ClockAnswers].answer(me(), VISITS_ANSWER if "visits" in request.form else CLOCK_ANSWER)
    if form.errors:
        return show(422, form, CLOCK_ROW)
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=CLOCK_ROW)


@bp.post("/server/test-mail")
def test_mail() -> Response:
    """Send a test email to the admin and show the mail server's response."""
    account = me()
    limits.count_test_mail(account.id)
    try:
        current()[MailOutbox].send_test(account.email, str(get_locale()))
    except NotDelivered as error:
        return show(502, tested=MailTest.failed(account.email, error))
    return show(200, tested=MailTest(account.email))


def _mail_sentence(code: str) -> str:
    return MAIL_REASONS.get(code, MAIL_REFUSED if code.isdigit() else MAIL_FAILED)


def _mail_reason(failure: str) -> str:
    """A stored failure as a sentence, with the mail server's own words."""
    code, _, words = failure.partition(" ")
    return " ".join(filter(None, (translated(_mail_sentence(code)), code if code.isdigit() else "", words)))


def _stored_parts() -> dict[str, object]:
    """Values that need the database. `clock` is set if it is in doubt or wrong, or an answer can be undone."""
    answers = current()[ClockAnswers]
    has_clock = answers.reading.verdict != RIGHT_CLOCK or answers.has_earlier()
    return {
        "data": current()[Health].data(me()),
        "backup_list": backups.shown(),
        "invited": _invited_admin(),
        "clock": answers.reading if has_clock else None,
    }


def _form(group: str) -> Form[Body]:
    """A group's form. Its fields are the settings in lower case; the mail server has a field for each part. `shown`
    repeats the values, which are not secret, so that only fields that this admin changes are saved.
    """
    settings = current()[Settings]
    if group != "mail":
        texts = {name.lower(): settings.text_of(name) for name in FORM_SETTINGS[group]}
        if "site_colour" in texts:  # a colour field is never empty
            texts["site_colour"] = settings.palette.ground.light
        return Form(Body, {**texts, "shown": urlencode(texts)})
    values: dict[str, object] = settings.smtp._asdict() if settings.smtp else {"security": "starttls"}
    if values.get("port") == smtp_url.PORTS["smtps" if values["security"] == "tls" else "smtp"]:
        values["port"] = ""
    return Form(Body, {**values, "public_url": current()[Origins].site(request) or ""})


def _sent(form: Form[Body], group: str) -> dict[str, str]:
    """The settings in the request that differ from what its form showed, by name. The name and the time zone also
    count as changed if the default was confirmed.
    """
    stored = current()[StoredSettings]
    shown = {**form.values, **dict(parse_qsl(request.form.get("shown", ""), keep_blank_values=True))}
    form.values = {name: value if name == "password" else stripped(value) for name, value in request.form.items()}
    if "now" in form.values and not (stored.is_fixed("BACKUP_DIR") or form.values.get("backup_dir")):
        raise InvalidInput(details={"BACKUP_DIR": N_("Choose a folder.")})
    if group == "mail":
        return _mail_server(form.values)
    typed = {name: form.values.get(name.lower()) for name in FORM_SETTINGS[group] if not stored.is_fixed(name)}
    may_confirm = [name for name in ("SITE_NAME", "TIMEZONE") if stored.source(name) == "default"]
    return {
        name: value
        for name, value in typed.items()
        if value is not None and (name in may_confirm or value != shown[name.lower()])
    }


def _mail_server(typed: dict[str, str]) -> dict[str, str]:
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


def _invited_admin() -> str:
    """The email of the newest invitation of an admin that was not accepted yet."""
    pending = current()[AccountServices].panel_invitations.pending(me()) if me().is_admin else []
    return next((invitation.email for invitation, _ in pending if invitation.role == SITE_ADMIN), "")


def _require_two_step_login() -> None:
    """An admin who requires two-step login of others has it. Raises InvalidInput."""
    if current()[AccountServices].enrolment.state(me()).second_factor_ms is None:
        raise InvalidInput(details={"REQUIRE_TWO_FACTOR": N_("Set up two-step login for your own account first.")})


def _is_proved(group: str) -> bool:
    """Whether each change of a row's settings needs a proof. A lower RETENTION_DAYS, which destroys visits, needs one
    as well.
    """
    return any(setting.asks_proof for setting in ROWS.get(group, ()))


def _is_shorter(days: str | None) -> bool:
    """Whether visits would be kept for fewer days than now. "" restores the default."""
    if days is None:
        return False
    days = days or str(Settings.model_fields["retention_days"].default)
    return not days.isdecimal() or int(days) < current()[Settings].retention_days
