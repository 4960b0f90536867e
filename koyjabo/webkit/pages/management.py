"""Pages that manage things with a secret that is shown once: API keys, webhooks, share links. Each kind has one
template for the list, the form for a new one, and the secret (`webkit/management.html` has the parts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from koyjabo.core.errors import InvalidInput, TooManyKeys, UnknownCommunity
from koyjabo.core.integration_errors import UrlRefused
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.schemas.bodies import Body

Checked = TypeVar("Checked", bound=Body)
Result = TypeVar("Result")

FIELDS = {"expires_at": "until"}
"""Form fields by API field, if the names differ."""

OF_NO_FIELD = ""
"""The key for errors that belong to no field."""


def carry_out(form: Form[Checked], action: Callable[[Checked], Result]) -> Result | None:
    """Carry out an action with the current request's form. Returns the result, or None if the action is refused, with
    the reasons in `form.errors`.
    """
    body = form.read()
    if body is None:
        return None
    try:
        return action(body)
    except (InvalidInput, UrlRefused) as error:
        form.errors = {FIELDS.get(name, name): reason for name, reason in error.details.items()}
    except UnknownCommunity as error:
        if "community" not in form.values:
            raise
        form.errors = {"community": str(error)}
    except TooManyKeys as error:
        form.errors = {OF_NO_FIELD: str(error)}
    return None


def status(form: Form[Checked]) -> int:
    return 422 if form.errors else 200


def ask(title: str, effect: str, label: str, back: str) -> None:
    """Raise Unconfirmed until the question is confirmed."""
    confirm(Confirmation(title, (effect,), label, back))
