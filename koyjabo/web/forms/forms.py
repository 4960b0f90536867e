"""Forms: validated by the API's models, and shown again with errors."""

from typing import Any, Generic, TypeVar

from flask import request
from pydantic import ValidationError

from koyjabo.web.schemas.bodies import Body, sentence

Checked = TypeVar("Checked", bound=Body)


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
