"""What features bring to the page *Server*: rows, forms and first steps."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Response

from koyjabo.base.core.registry import Registry
from koyjabo.web.forms.forms import Form

SERVER_ROWS: Registry[str, "ServerRow"] = Registry()
"""The rows by id. Features fill it. A setting's row that belongs to a feature is shown only if it is here."""

FIRST_STEPS: Registry[str, "FirstStep"] = Registry()
"""What a new server lacks, by the id of its row. Features fill it."""

OPEN_STEPS: Registry[str, Callable[[], tuple[str, ...]]] = Registry()
"""The function `missing`, which returns the ids of the steps to show, in order. `site.getting_started` fills it."""

SERVER_PAGE: Registry[str, Callable[[int, Form[Any] | None, str], Response]] = Registry()
"""The function `show`, which shows the page with a row's form. `site.panel` fills it."""


class ServerRow:
    """A row of the page. A feature overrides what differs from a row with the settings of the catalogue."""

    template = ""
    """Calls `row` or `settings_row` of panel/server.html, with `part` set to what `read` returns, and `action` to the
    label of a step's button. "" for a row with the values of its settings. With `part_of`, shows fields if `is_form` is
    set, and the value otherwise.
    """

    part_of = ""
    """The row whose value and form it is a part of. That row saves it: calls `check` and `saved`."""

    after = ""
    """The row above it, or the group that it ends. "" if the catalogue has its place, or a part shows it."""

    rank = 0
    """Its place among rows that follow the same one."""

    endpoint = ""
    """What saves its form. "" for the page itself, which saves settings."""

    is_for_admins = False
    asks_proof = False
    """Whether its form always asks for a proof. Rows of settings ask for one if a setting does."""

    def read(self, form: Form[Any] | None) -> Mapping[str, Any]:
        """The values for its template, and with `form` those for its open form. Reads no database: the template calls
        a function for that, unless `is_read` is false, because the database cannot be read.
        """
        return {}

    def form(self, form: Form[Any]) -> Form[Any]:
        """Its form, given the form for its settings."""
        return form

    def changes(self, form: Form[Any], changes: dict[str, str]) -> dict[str, str]:
        """The settings to change, given those whose fields were changed. Raises InvalidInput about a field."""
        return changes

    def needs_proof(self, changes: Mapping[str, str]) -> bool:
        """Whether these changes need a proof although the settings need none."""
        return False

    def check(self, changes: Mapping[str, str]) -> None:
        """Refuse changes although they were proved. Raises InvalidInput about a setting."""

    def saved(self, form: Form[Any]) -> str:
        """Do more after saving. Returns a sentence about it, marked with `N_`, or ""."""
        return ""


class FirstStep(NamedTuple):
    """What an admin should do on a new server. Its template shows its row, with `action` set."""

    rank: int
    template: str
    action: str = ""  # the label of its button, marked with `N_`
    is_done: Callable[[], bool] | None = None  # None if `site.getting_started` knows
    read: Callable[[], Mapping[str, Any]] = dict  # `part` of its template, if that is not its row's


def missing_steps() -> tuple[str, ...]:
    """The ids of the steps to show to the current user, in order."""
    return OPEN_STEPS["missing"]() if OPEN_STEPS else ()


def parts_of(row: str) -> dict[str, ServerRow]:
    """The parts of a row by id."""
    return {id: part for id, part in SERVER_ROWS.items() if part.part_of == row}


def show_row(row: str, form: Form[Any] | None, status: int = 422) -> Response:
    """The page, with the form of a row if there is one."""
    return SERVER_PAGE["show"](status, form, row)
