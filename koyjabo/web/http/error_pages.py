"""Errors for people who look at pages."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for

from koyjabo.web.http.cache_headers import private
from koyjabo.web.ui.languages import duration

BLUEPRINTS = {"pages", "admin"}
PROGRAMS = ("/api/", "/ws/", "/socket.io/", "/static/", "/openapi.json", "/healthz", "/readyz", "/metrics")
LOG_IN_FIRST = {"unauthenticated", "invalid_token", "token_expired"}


def is_page() -> bool:
    """Whether a person waits for the answer: it is one of our pages, or a browser looked for one that is not there."""
    if request.blueprint is not None:
        return request.blueprint in BLUEPRINTS
    takes_html = "Accept" in request.headers and request.accept_mimetypes.accept_html
    return takes_html and not request.path.startswith(PROGRAMS)


def page(status: int, sentence: str, code: str, retry_after_s: int | None = None) -> Response:
    wait = None if retry_after_s is None else duration(retry_after_s)
    html = render_template("error.html", status=status, sentence=sentence, code=code, wait=wait)
    return private(Response(html, status, mimetype="text/html"))


def to_login() -> Response:
    """And from there back; what was sent with a form is lost, so that leads to where the form is."""
    came_from = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages.log_in", next=came_from), 303)  # type: ignore[return-value]
