"""The fields of the form of the current request, to be sent again: after a question, or after a refusal."""

from __future__ import annotations

from typing import NamedTuple

from flask import request
from flask_babel import lazy_gettext as _

from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login.page_login import CSRF_FIELD
from koyjabo.webkit.schemas.bodies import Body

HIDDEN, LONG, PASSWORD = "hidden", "long", "password"

SECRETS = {
    "password": _("Password"),
    "current_password": _("Current password"),
    "new_password": _("New password"),
    "code": _("Code"),
}
"""Labels by name. No page repeats the text typed here: it has to be typed again."""

TEXTS = {
    "email": (_("Email"), "email"),
    "confirmation": (_("Email"), "email"),
    "name": (_("Name"), "text"),
    "description": (_("Description"), LONG),
    "total": (_("Total"), "text"),
    "visitor_id": (_("Visitor ID"), "text"),
    "reason": (_("Reason"), "text"),
    "first_day": (_("From"), "date"),
    "last_day": (_("To"), "date"),
    "day": (_("Day"), "date"),
    "text": (_("Text"), "text"),
    "place": (_("Place"), "text"),
    "until": (_("Valid until"), "date"),
}
"""Labels and kinds by name. All other fields are choices and tokens, which are sent again as they are."""


class SentField(NamedTuple):
    name: str
    value: str  # "" for a secret
    label: str = ""
    kind: str = HIDDEN  # LONG, or the type of an <input>


class SentForm(NamedTuple):
    """For the macro `forms.sent_again`."""

    fields: list[SentField]
    form: Form[Body]


def sent_form(without: tuple[str, ...] = (), is_editable: bool = False) -> SentForm:
    """The form of the current request except the fields `without`. Texts can be changed if it is editable."""
    fields = [
        _field(name, value, is_editable)
        for name, value in request.form.items()
        if name != CSRF_FIELD and name not in without
    ]
    return SentForm(fields, Form(Body, {field.name: field.value for field in fields}))


def _field(name: str, value: str, is_editable: bool) -> SentField:
    if name in SECRETS:
        return SentField(name, "", str(SECRETS[name]), PASSWORD)
    if name in TEXTS and is_editable:
        label, kind = TEXTS[name]
        return SentField(name, value, str(label), kind)
    return SentField(name, value)
