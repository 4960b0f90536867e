"""Forms: validated by the API's models, and shown again with errors. Also repeats the current form's fields after a
question or a refusal.
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
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
    "code": _("Code"),
}
"""Labels of fields that are never refilled, so users have to retype them."""

TEXTS = {
    "email": (N_("Email"), "email"),
    "confirmation": (N_("Email"), "email"),
    "name": (N_("Name"), "text"),
    "description": (N_("Description"), LONG),
    "reason": (N_("Reason"), "text"),
    "first_day": (N_("From"), "date"),
    "last_day": (N_("To"), "date"),
    "day": (N_("Day"), "date"),
    "text": (N_("Text"), "text"),
    "until": (N_("Valid until"), "date"),
    "url": (N_("Address"), "url"),
}
"""Labels and kinds of text fields, by name. All other fields are choices and tokens, which are repeated unchanged.
Features add theirs with `declare_text`.
"""


def declare_text(name: str, label: str) -> None:
    TEXTS[name] = label, "text"


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
