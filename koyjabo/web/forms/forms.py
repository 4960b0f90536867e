"""Forms: validated by the API's models, and shown again with errors. Also repeats the current form's fields after a
question or a refusal.

Confirmation of destructive actions. Before the action, a question shows who or what is affected, and how.

The question's page is the response to the action's form. Its own form sends the same fields again, with a digest of the
question. The action is carried out if the question is still the same.
"""

import json
import re
import unicodedata
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext, lazy_gettext as _
from pydantic import ValidationError

from koyjabo.base.core.i18n import N_
from koyjabo.web.login.page_login import CSRF_FIELD
from koyjabo.web.schemas.bodies import Body, sentence

Checked = TypeVar("Checked", bound=Body)

HIDDEN, LONG, PASSWORD = "hidden", "long", "password"

SECRETS = {
    "password": _("Password"),
    "current_password": _("Current password"),
    "new_password": _("New password"),
    "smtp_password": _("Password of the mail server"),
    "code": _("Code"),
}
"""Labels of fields that are never refilled, so users have to retype them."""

TEXTS = {
    "email": (N_("Email"), "email"),
    "confirmation": (N_("Email"), "email"),
    "name": (N_("Name"), "text"),
    "nameBn": (N_("Name in Bangla"), "text"),
    "description": (N_("Description"), LONG),
    "descriptionBn": (N_("Description in Bangla"), LONG),
    "reason": (N_("Reason"), "text"),
    "first_day": (N_("From"), "date"),
    "last_day": (N_("To"), "date"),
    "until": (N_("Valid until"), "date"),
}
"""Labels and kinds of text fields, by name. All other fields are choices and tokens, which are repeated unchanged.
Features add theirs with `declare_texts`.
"""


def declare_texts(**labels: str) -> None:
    TEXTS.update({name: (label, "text") for name, label in labels.items()})


class Form(Generic[Checked]):
    """A form for one body. `values` and `errors` are by field. `flags` names the check boxes, because browsers only
    send checked ones. `lists` names fields that may have several values. `optional` names fields that count as missing
    if they are empty.
    """

    def __init__(
        self,
        body: type[Checked],
        values: dict[str, Any] | None = None,
        flags: tuple[str, ...] = (),
        lists: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
    ) -> None:
        self.values: dict[str, Any] = values or {}
        self.errors: dict[str, str] = {}
        self._rules = body
        self._flags = flags
        self._lists = lists
        self._optional = optional

    def read(self) -> Checked | None:
        """The validated body of the current request; None if it is invalid, with the reasons in `errors`."""
        self.values = {name: value for name, value in request.form.items() if name in self._rules.model_fields}
        self.values.update({flag: flag in request.form for flag in self._flags})
        self.values.update({name: request.form.getlist(name) for name in self._lists})
        filled = {name: value for name, value in self.values.items() if value != "" or name not in self._optional}
        try:
            return self._rules.model_validate(filled)
        except ValidationError as error:
            self.errors = {str(problem["loc"][0]): sentence(problem) for problem in error.errors()}
            return None


class SentField(NamedTuple):
    name: str
    value: str  # "" for a secret
    label: str = ""
    kind: str = HIDDEN  # LONG, or the type of an <input>


class SentForm(NamedTuple):
    """A form to repeat: the argument of the macro `forms.sent_again`."""

    fields: list[SentField]
    form: Form[Body]


def sent_form(without: tuple[str, ...] = (), is_editable: bool = False) -> SentForm:
    """The form of the current request, except the fields in `without`. With `is_editable`, users can change
    its texts.
    """
    fields = [
        _field(name, value, is_editable)
        for name, value in request.form.items(multi=True)
        if name != CSRF_FIELD and name not in without
    ]
    return SentForm(fields, Form(Body, {field.name: field.value for field in fields}))


def _field(name: str, value: str, is_editable: bool) -> SentField:
    if name in SECRETS:
        return SentField(name, "", str(SECRETS[name]), PASSWORD)
    if name in TEXTS and is_editable:
        label, kind = TEXTS[name]
        return SentField(name, value, gettext(label), kind)
    return SentField(name, value)


CONFIRMED, TYPED = "confirmed", "typed"
PROOF = ("password", "code")
NOT_ASKED = {CSRF_FIELD, CONFIRMED, TYPED, *SECRETS}
GROUPING = re.compile(r"(?<=\d),(?=\d)")


class Confirmation(NamedTuple):
    """A question, in the language of the current request. If any part of it except `figures` and `around` has
    changed when the confirmation arrives, it is asked again.
    """

    title: str
    effects: tuple[str, ...]  # sentences
    label: str  # label of the button that confirms
    back: str  # path of the Cancel link
    typed: str = ""  # text to type for confirmation, if given
    is_proved: bool = False  # the page also asks for a proof, which the caller requires (`authentication`)
    figures: tuple[tuple[str, str], ...] = ()  # names and values that change on their own
    version: str = ""  # version of `figures`; changes only if a person changes them
    around: dict[str, Any] | None = None  # values for the page's template


class Unconfirmed(Exception):
    """The current request does not confirm the question. The response to the request is the question."""

    def __init__(self, question: Confirmation, status: int = 200, errors: dict[str, str] | None = None) -> None:
        """Create the error. `errors` has the errors of the typed values, by field."""
        self.question = question
        self.status = status
        self.errors = errors or {}


def init_app(app: Flask) -> None:
    app.register_error_handler(Unconfirmed, _ask)


def confirm(question: Confirmation) -> None:
    """Ask for confirmation. Call this after an action's checks, before the action. Raises Unconfirmed."""
    sent = request.form.get(CONFIRMED)
    if sent is None:
        raise Unconfirmed(question)
    if sent != _digest(question):
        raise Unconfirmed(question, 409)
    if question.typed and _plain(request.form.get(TYPED, "")) != _plain(question.typed):
        raise Unconfirmed(question, 422, {TYPED: N_("does not match")})


def page(question: Confirmation, status: int = 200, errors: dict[str, str] | None = None) -> Response:
    """A question's page. Its status is 409 if the question has changed, and 422 if a typed value is wrong."""
    sent = sent_form(without=(CONFIRMED, TYPED, *(PROOF if question.is_proved else ())))
    if status == 422:
        sent.form.values[TYPED] = request.form.get(TYPED, "")
        sent.form.errors.update(errors or {})
    html = render_template(
        "webkit/question.html",
        **(question.around or {}),
        question=question,
        sent=sent,
        digest=_digest(question),
        has_changed=status == 409,
    )
    return make_response(html, status)


def _ask(error: Unconfirmed) -> Response:
    return page(error.question, error.status, error.errors)


def _digest(question: Confirmation) -> str:
    """The digest of the question and the action's fields. Passwords are left out, because they could be guessed from
    it.
    """
    fields = {name: value for name, value in request.form.items() if name not in NOT_ASKED}
    content = [request.path, fields, question._replace(figures=(), around=None)]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(text: str) -> str:
    """A typed text with irrelevant differences removed: capitals, extra spaces, invisible characters, and the script
    and grouping of digits.
    """
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    words = " ".join(unicodedata.normalize("NFC", seen.casefold()).split())
    return re.sub(r"\d", lambda digit: str(unicodedata.digit(digit[0])), GROUPING.sub("", words))
