"""Forms on pages, as a browser would send them: the question before damage, and a form that was refused."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

from koyjabo.webkit.login.page_login import unmask

PASSWORD = "rickshaw at dawn"
CONFIRMED, TYPED = "confirmed", "typed"


class FormOnPage(NamedTuple):
    action: str
    fields: dict[str, str]
    labels: dict[str, str]  # what is said beside a field, by its name
    kinds: dict[str, str]  # the types of inputs

    @property
    def unmasked(self) -> dict[str, str]:
        """The fields, with the token that is under the mask of this page."""
        return {**self.fields, "csrf_token": unmask(self.fields["csrf_token"]).decode()}


class _Parser(HTMLParser):
    """The forms of the part `main`. Its fields have their names as ids."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[FormOnPage] = []
        self._is_main = False
        self._text_of: tuple[dict[str, str], str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self._is_main = self._is_main or tag == "main"
        if not self._is_main:
            return
        if tag == "form":
            self.forms.append(FormOnPage(found.get("action", ""), {}, {}, {}))
        elif tag == "input" and (found["type"] != "checkbox" or "checked" in found):
            self.forms[-1].fields[found["name"]] = found.get("value", "on" if found["type"] == "checkbox" else "")
            self.forms[-1].kinds[found["name"]] = found["type"]
        elif tag == "textarea":
            self._text_of = self.forms[-1].fields, found["name"]
        elif tag == "label":
            self._text_of = self.forms[-1].labels, found["for"]

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
    """The form of a question, filled in by a person who confirms it: what is to be typed stands after a colon, and the
    password is the one of all people here.
    """
    form = form_on(page)
    assert CONFIRMED in form.fields, page
    if TYPED in form.fields:
        form.fields[TYPED] = form.labels[TYPED].partition(": ")[2]
    if "password" in form.fields:
        form.fields["password"] = PASSWORD
    return form
