"""Repeats the fields of the current form after a prompt or a refusal."""

from typing import NamedTuple

from flask import request
from flask_babel import gettext, lazy_gettext as _

from koyjabo.base.core.i18n import N_
from koyjabo.web.login.page_login import CSRF_FIELD
from koyjabo.web.schemas.bodies import Body
from .forms import Form

HIDDEN_FIELD, LONG_FIELD, PASSWORD_FIELD = "hidden", "long", "password"

SECRET_LABELS = {
    "password": _("Password"),
    "current_password": _("Current password"),
    "new_password": _("New password"),
    "smtp_password": _("Password of the mail server"),
    "code": _("Code"),
}
"""Labels of fields that are never refilled, so users have to retype them."""

TEXT_FIELDS = {
    "email": (N_("Email"), "email"),
    "confirmation": (N_("Email"), "email"),
    "name": (N_("Name"), "text"),
    "nameBn": (N_("Name in Bangla"), "text"),
    "description": (N_("Description"), LONG_FIELD),
    "descriptionBn": (N_("Description in Bangla"), LONG_FIELD),
    "reason": (N_("Reason"), "text"),
    "first_day": (N_("From"), "date"),
    "last_day": (N_("To"), "date"),
    "until": (N_("Valid until"), "date"),
}
"""Labels and kinds of text fields, by name. All other fields are choices and tokens, which are repeated unchanged.
Features add theirs with `declare_texts`.
"""


def declare_texts(**labels: str) -> None:
    TEXT_FIELDS.update({name: (label, "text") for name, label in labels.items()})


class SentField(NamedTuple):
    name: str
    value: str  # "" for a secret
    label: str = ""
    kind: str = HIDDEN_FIELD  # LONG, or the type of an <input>


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
    if name in SECRET_LABELS:
        return SentField(name, "", str(SECRET_LABELS[name]), PASSWORD_FIELD)
    if name in TEXT_FIELDS and is_editable:
        label, kind = TEXT_FIELDS[name]
        return SentField(name, value, gettext(label), kind)
    return SentField(name, value)
