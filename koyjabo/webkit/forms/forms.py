"""Forms: validated by the models of the API, and shown again with the errors."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from flask import request
from pydantic import ValidationError

from koyjabo.webkit.schemas.bodies import Body, sentence

Checked = TypeVar("Checked", bound=Body)


class Form(Generic[Checked]):
    """A form of one body. `values` and `errors` are by field.

    Browsers send check boxes only if they are checked, so `flags` names these fields.
    """

    def __init__(self, body: type[Checked], values: dict[str, Any] | None = None, flags: tuple[str, ...] = ()) -> None:
        self.values: dict[str, Any] = values or {}
        self.errors: dict[str, str] = {}
        self._rules = body
        self._flags = flags

    def read(self) -> Checked | None:
        """The validated body of the current request; None if it is invalid, with the reasons in `errors`."""
        self.values = {name: value for name, value in request.form.items() if name in self._rules.model_fields}
        self.values.update({flag: flag in request.form for flag in self._flags})
        try:
            return self._rules.model_validate(self.values)
        except ValidationError as error:
            self.errors = {str(each["loc"][0]): sentence(each) for each in error.errors()}
            return None
