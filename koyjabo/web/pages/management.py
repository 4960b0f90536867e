"""Pages for things whose secret is shown once: API keys and share links. Each kind has one template for the
form and the secret (`webkit/management.html` has the parts).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import model_validator

from koyjabo.base.core.errors import InvalidInput, LimitReached, UnknownCommunity
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.schemas.bodies import Body

Checked = TypeVar("Checked", bound=Body)
Result = TypeVar("Result")

FORM_FIELDS = {"expires_at": "until"}
"""Form field names, by API name, where they differ."""

NO_FIELD = ""
"""Key for errors that belong to no field."""


class Preset(NamedTuple):
    """A choice of several boxes of a form."""

    label: str
    hint: str
    choices: tuple[str, ...]


def preset_for(field: str, presets: Mapping[str, Preset]) -> Any:
    """A validator that fills a list from the `preset` of a form, if it names one."""

    def fill(values: Any) -> Any:
        preset = presets.get(values.get("preset", ""))
        return values if preset is None else {**values, field: list(preset.choices)}

    return model_validator(mode="before")(fill)


def carry_out(form: Form[Checked], action: Callable[[Checked], Result]) -> Result | None:
    """Carry out an action with the current form. Returns its result, or None if it is refused, with the reasons in
    `form.errors`.
    """
    body = form.read()
    if body is None:
        return None
    try:
        return action(body)
    except InvalidInput as error:
        form.errors = {FORM_FIELDS.get(name, name): reason for name, reason in error.details.items()}
    except UnknownCommunity as error:
        if "community" not in form.values:
            raise
        form.errors = {"community": str(error)}
    except LimitReached as error:
        form.errors = {NO_FIELD: str(error)}
    return None


def status(form: Form[Checked]) -> int:
    return 422 if form.errors else 200


def ask(title: str, effect: str, label: str, back: str) -> None:
    """Ask for confirmation. Raises Unconfirmed until it is given."""
    confirm(Confirmation(title, (effect,), label, back))
