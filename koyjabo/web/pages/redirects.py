"""Redirects after forms.

Flash messages: the page after a form shows, once, what was done, and how to undo it.

The message is in a signed cookie, which is deleted by the page that shows it. Reloading does not show the message
again, and other sites and hosts cannot create one.
"""

import re
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask_babel import gettext
from itsdangerous import BadData, URLSafeTimedSerializer

from koyjabo.web.http import cookies

OURS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*", re.ASCII)
"""A path on this server. Browsers treat a path that begins with two slashes or a backslash as another host."""


def to(endpoint: str, **values: Any) -> Response:
    """Redirect with 303, so that the browser requests the page with GET."""
    return redirect(url_for(endpoint, **values), 303)  # type: ignore[return-value]


def with_query(path: str) -> Response:
    """Redirect to a path with this request's query. Do not pass a query to `url_for`, which gives some names a meaning
    (`_external`, `_scheme`).
    """
    query = request.query_string.decode()
    return redirect(path + (f"?{query}" if query else ""), 303)  # type: ignore[return-value]


def back(otherwise: str) -> Response:
    """Redirect to the path in `next` if it is on this server, otherwise to the endpoint."""
    return redirect(path_back(otherwise), 303)  # type: ignore[return-value]


def path_back(otherwise: str) -> str:
    """The path in `next` if it is on this server, otherwise the endpoint's path."""
    return own_path(request.values.get("next", "")) or url_for(otherwise)


def own_path(path: str) -> str:
    """The path if it is on this server, otherwise ""."""
    return path if OURS.fullmatch(path) else ""


COOKIE, SHOWN_WITHIN_S = "outcome", 60


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
    cookies.put(response, COOKIE, signed, SHOWN_WITHIN_S)
    return response


def outcome() -> Outcome | None:
    """The message to show on the current page."""
    if "outcome" not in g:
        g.outcome = _read(cookies.get(COOKIE)) if cookies.get(COOKIE) else None
        g.is_outcome_shown = g.outcome is not None
    message: Outcome | None = g.outcome
    return message


def _read(signed: str) -> Outcome | None:
    try:
        text, undo = _signer().loads(signed, max_age=SHOWN_WITHIN_S)
    except BadData:
        return None
    return Outcome(text, Undo(*undo) if undo else None)


def _forget(response: Response) -> Response:
    if g.get("is_outcome_shown"):
        cookies.delete(response, COOKIE)
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=COOKIE)
