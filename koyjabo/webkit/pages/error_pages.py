"""Errors as HTML pages, for browsers."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for

from koyjabo.webkit.forms.forms import sent_form
from koyjabo.webkit.http.cache_headers import private
from koyjabo.webkit.i18n import duration
from koyjabo.webkit.login import page_login

BLUEPRINTS = {"pages", "admin", "docs"}
PROGRAMS = ("/api/", "/ws/", "/socket.io/", "/static/", "/openapi.json", "/healthz", "/readyz", "/metrics")
TRY_AGAIN = {429, 503}
"""Nothing was changed, and the same form may succeed later."""

LOG_IN_FIRST = {"unauthenticated", "invalid_token", "token_expired"}


def is_page() -> bool:
    """Whether to answer with a page: the request is for one of our pages, or comes from a browser for a missing one."""
    if request.blueprint is not None:
        return request.blueprint in BLUEPRINTS
    takes_html = "Accept" in request.headers and request.accept_mimetypes.accept_html
    return takes_html and not request.path.startswith(PROGRAMS)


def page(status: int, sentence: str, code: str, retry_after_s: int | None = None) -> Response:
    """With the form that was sent, if it may succeed later."""
    wait = None if retry_after_s is None else duration(retry_after_s)
    sent = sent_form(is_editable=True) if status in TRY_AGAIN and _is_form() else None
    known = {"status": status, "sentence": sentence, "code": code, "wait": wait, "retry_after_s": retry_after_s}
    html = render_template("webkit/error.html", **known, sent=sent)
    response = Response(html, status, mimetype="text/html")
    if sent is not None:
        response.headers["Cache-Control"] = "private, no-store"
    return private(response)


def _is_form() -> bool:
    return request.method == "POST" and page_login.may_be_sent_again()


def to_login() -> Response:
    """Redirect to the login page, which leads back to this path. The fields of a form are lost: after a POST the login
    page leads to its default page.
    """
    came_from = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages.log_in", next=came_from), 303)  # type: ignore[return-value]
