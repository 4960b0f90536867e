"""Confirmation of destructive actions. Before the action, a prompt shows who or what is affected, and how.

The page of the prompt is the response to the action's form. Its own form sends the same fields again, with a digest of
the prompt. The action is carried out if the prompt is still the same.
"""

import json
import re
import unicodedata
from hashlib import sha256
from typing import Any, NamedTuple

from flask import Flask, Response, make_response, render_template, request

from koyjabo.base.core.i18n import DIGIT_SEPARATORS, N_
from koyjabo.web.login.page_login import CSRF_FIELD
from .sent_form import SECRET_LABELS, sent_form

CONFIRMED_FIELD, TYPED_FIELD = "confirmed", "typed"

PROOF_FIELDS = ("password", "code")

UNCHECKED_FIELDS = {CSRF_FIELD, CONFIRMED_FIELD, TYPED_FIELD, *SECRET_LABELS}

DIGIT_GROUPING = re.compile(rf"(?<=\d)[{DIGIT_SEPARATORS}](?=\d{{2,3}}(?!\d))")


class Confirmation(NamedTuple):
    """What a page asks, in the language of the current request. If any part of it except `figures` and `around` has
    changed when the confirmation arrives, the page asks again.
    """

    title: str
    effects: tuple[str, ...]  # sentences
    label: str  # label of the button that confirms
    back: str  # path of the Cancel link
    typed: str = ""  # text to type for confirmation, if given
    is_proved: bool = False  # the page also asks for a proof, which the caller requires (`authentication`)
    figures: tuple[tuple[str, str], ...] = ()  # names and values that change on their own
    version: str = ""  # version of `figures`; changes only if a person changes them
    around: dict[str, Any] | None = None  # values for the page's template


class Unconfirmed(Exception):
    """The current request does not confirm the prompt. The response to the request is the prompt."""

    def __init__(self, prompt: Confirmation, status: int = 200, errors: dict[str, str] | None = None) -> None:
        """Create the error. `errors` has the errors of the typed values, by field."""
        self.prompt = prompt
        self.status = status
        self.errors = errors or {}


def init_app(app: Flask) -> None:
    app.register_error_handler(Unconfirmed, _ask)


def confirm(prompt: Confirmation) -> None:
    """Ask for confirmation. Call this after an action's checks, before the action. Raises Unconfirmed."""
    sent = request.form.get(CONFIRMED_FIELD)
    if sent is None:
        raise Unconfirmed(prompt)
    if sent != _digest(prompt):
        raise Unconfirmed(prompt, 409)
    if prompt.typed and _plain(request.form.get(TYPED_FIELD, "")) != _plain(prompt.typed):
        raise Unconfirmed(prompt, 422, {TYPED_FIELD: N_("does not match")})


def page(prompt: Confirmation, status: int = 200, errors: dict[str, str] | None = None) -> Response:
    """A prompt's page. Its status is 409 if the prompt has changed, and 422 if a typed value is wrong."""
    sent = sent_form(without=(CONFIRMED_FIELD, TYPED_FIELD, *(PROOF_FIELDS if prompt.is_proved else ())))
    if status == 422:
        sent.form.values[TYPED_FIELD] = request.form.get(TYPED_FIELD, "")
        sent.form.errors.update(errors or {})
    html = render_template(
        "webkit/confirmation.html",
        **(prompt.around or {}),
        prompt=prompt,
        sent=sent,
        digest=_digest(prompt),
        has_changed=status == 409,
    )
    return make_response(html, status)


def _ask(error: Unconfirmed) -> Response:
    return page(error.prompt, error.status, error.errors)


def _digest(prompt: Confirmation) -> str:
    """The digest of the prompt and the action's fields. Passwords are left out, because they could be guessed from
    it.
    """
    fields = {name: value for name, value in request.form.items() if name not in UNCHECKED_FIELDS}
    content = [request.path, fields, prompt._replace(figures=(), around=None)]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(text: str) -> str:
    """A typed text with irrelevant differences removed: capitals, extra spaces, invisible characters, and the script
    and grouping of digits.
    """
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    words = " ".join(unicodedata.normalize("NFC", seen.casefold()).split())
    return re.sub(r"\d", lambda digit: str(unicodedata.digit(digit[0])), DIGIT_GROUPING.sub("", words))
