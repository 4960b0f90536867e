"""Flash messages: the page after a form shows, once, what was done, and how to undo it.

The message is in a signed cookie, which is deleted by the page that shows it. Reloading does not show the message
again, and other sites and hosts cannot create one.
"""

from typing import Any, NamedTuple

from flask import Flask, Response, current_app, g
from flask_babel import gettext
from itsdangerous import BadData, URLSafeTimedSerializer

from koyjabo.web.http import cookies
from .redirects import to

OUTCOME_COOKIE, OUTCOME_S = "outcome", 60


class Undo(NamedTuple):
    """The form that undoes an action."""

    url: str
    fields: dict[str, str]


class Outcome(NamedTuple):
    text: str
    undo: Undo | None = None


def init_app(app: Flask) -> None:
    app.jinja_env.globals["outcome"] = outcome
    app.after_request(_forget)


def done(sentence: str, endpoint: str, about: str = "", undo: Undo | None = None, **values: Any) -> Response:
    """Redirect (303) to the page that shows `sentence`. `about` names what was changed: its `%(name)s`."""
    return say(to(endpoint, **values), sentence, about, undo)


def say(response: Response, sentence: str, about: str = "", undo: Undo | None = None) -> Response:
    """Show the result on the page that `response` redirects to."""
    text = gettext(sentence, name=about) if about else gettext(sentence)
    signed = str(_signer().dumps([text, undo]))
    cookies.put(response, OUTCOME_COOKIE, signed, OUTCOME_S)
    return response


def outcome() -> Outcome | None:
    """The message to show on the current page."""
    if "outcome" not in g:
        g.outcome = _read(cookies.get(OUTCOME_COOKIE)) if cookies.get(OUTCOME_COOKIE) else None
        g.is_outcome_shown = g.outcome is not None
    message: Outcome | None = g.outcome
    return message


def _read(signed: str) -> Outcome | None:
    try:
        text, undo = _signer().loads(signed, max_age=OUTCOME_S)
    except BadData:
        return None
    return Outcome(text, Undo(*undo) if undo else None)


def _forget(response: Response) -> Response:
    if g.get("is_outcome_shown"):
        cookies.delete(response, OUTCOME_COOKIE)
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=OUTCOME_COOKIE)
