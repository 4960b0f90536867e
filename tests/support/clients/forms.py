"""Fills in forms as a browser would: the confirmation before a dangerous action, and a refused form."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

from koyjabo.web.login.page_login import unmask

PASSWORD = "rickshaw at dawn"
CONFIRMED, TYPED = "confirmed", "typed"


class FormOnPage(NamedTuple):
    action: str
    fields: dict[str, str]
    labels: dict[str, str]  # labels by field name
    kinds: dict[str, str]  # types of inputs

    @property
    def unmasked(self) -> dict[str, str]:
        return {**self.fields, "csrf_token": unmask(self.fields["csrf_token"]).decode()}


class _Parser(HTMLParser):
    """Parses the forms inside `main`. The ids of fields equal their names."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[FormOnPage] = []
        self._is_main = False
        self._text_of: tuple[dict[str, str], str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self._is_main = self._is_main or tag == "main"
        if not self._is_main:
            return
        if tag == "form":
            self.forms.append(FormOnPage(values.get("action", ""), {}, {}, {}))
        elif tag == "input" and (values["type"] != "checkbox" or "checked" in values):
            self.forms[-1].fields[values["name"]] = values.get("value", "on" if values["type"] == "checkbox" else "")
            self.forms[-1].kinds[values["name"]] = values["type"]
        elif tag == "textarea":
            self._text_of = self.forms[-1].fields, values["name"]
        elif tag == "label":
            self._text_of = self.forms[-1].labels, values["for"]

    def handle_data(self, data: str) -> None:
        if self._text_of is not None:
            texts, name = self._text_of
            texts[name] = texts.get(name, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "label"):
            self._text_of = None
        self._is_main = self._is_main and tag != "main"


def form_on(page: str) -> FormOnPage:
    """The only form in the main part of a page."""
    parser = _Parser()
    parser.feed(page)
    (form,) = parser.forms
    return form


def answer(page: str) -> FormOnPage:
    """A page's confirmation form, filled in with the text after a colon and the password of all users."""
    form = form_on(page)
    assert CONFIRMED in form.fields, page
    if TYPED in form.fields:
        form.fields[TYPED] = form.labels[TYPED].partition(": ")[2]
    if "password" in form.fields:
        form.fields["password"] = PASSWORD
    return form
