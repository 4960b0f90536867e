"""Responds to errors with a status and `{"error": sentence, "code": …, "details": {…}}` (specification: Errors), or
with a page for browsers.
"""

import json
import logging
from functools import cache
from http import HTTPStatus
from pathlib import PurePosixPath
from re import Pattern
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.status_codes import code_of
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.web.blueprints import PAGES_PREFIX, PANEL_PREFIX
from koyjabo.web.current import current
from koyjabo.web.forms.sent_form import sent_form
from koyjabo.web.http.paths import PathPolicy, matching
from koyjabo.web.http.responses import JSON_CONTENT, PlainResponse, as_response, private
from koyjabo.web.login import page_login

BLUEPRINTS = (PAGES_PREFIX, PANEL_PREFIX, "docs")
"""What the names of blueprints with pages begin with."""

PROGRAMS = ("/api/", "/static/")
"""Prefixes that all features share, or that no feature declares."""

TRY_AGAIN = {429, 503}
"""Statuses meaning that the same form may succeed later."""

LOG_IN_FIRST = {"unauthenticated", "invalid_token", "token_expired"}

log = logging.getLogger(__name__)
ERROR_HEADERS = {"upgrade_required": {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}}
HTTP_SENTENCES = {
    400: ("bad_request", "The request is not valid HTTP for this path."),
    404: ("not_found", "Nothing found at this path; /openapi.json lists all paths."),
    405: (
        "method_not_allowed",
        N_("This path does not support this method; the Allow header lists those it supports."),
    ),
    413: ("body_too_large", N_("The request body is too large. Send less: 16 KB, or 1 MB for a list.")),
}


def is_page() -> bool:
    """Whether to respond with a page: for our own pages, and for browsers if nothing is at the URL."""
    if request.blueprint is not None:
        return request.blueprint.startswith(BLUEPRINTS)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    takes_html = "Accept" in request.headers and request.accept_mimetypes.accept_html
    return takes_html and not (request.path.startswith(PROGRAMS) or _for_programs(app).match(request.path))


@cache
def _for_programs(app: Flask) -> Pattern[str]:
    """The paths that features declare, except pages."""
    return matching(app, *set(PathPolicy) - {PathPolicy.SECRET, PathPolicy.PANEL, PathPolicy.EMBEDDED})


@cache
def _in_frames(app: Flask) -> Pattern[str]:
    return matching(app, PathPolicy.EMBEDDED)


def page(status: int, sentence: str, code: str, retry_after_s: int | None = None) -> Response:
    """An error page; in a frame, one line. If sending the form again may succeed, the page repeats it."""
    may_retry = status in TRY_AGAIN and request.method == "POST" and page_login.may_be_sent_again()
    sent = sent_form(is_editable=True) if may_retry else None
    is_framed = _in_frames(current_app._get_current_object()).match(request.path)  # type: ignore[attr-defined]
    template = "webkit/framed.html" if is_framed else "webkit/error.html"
    html = render_template(
        template, status=status, sentence=sentence, code=code, retry_after_s=retry_after_s, sent=sent
    )
    response = Response(html, status, mimetype="text/html")
    if sent:
        response.headers["Cache-Control"] = "private, no-store"
    return private(response)


def to_page_above() -> Response:
    """Redirect to the nearest page above this path, because the path only takes forms."""
    adapter = current_app.url_map.bind("")
    above = next(path for path in map(str, PurePosixPath(request.path).parents) if adapter.test(path, "GET"))
    return redirect(request.script_root + quote(above, safe="/%"), 303)  # type: ignore[return-value]


def to_login() -> Response:
    """Redirect to the login page, which returns to this path. After a POST it opens its default page instead, because
    the form's fields are lost.
    """
    came_from = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages_login.log_in", next=came_from), 303)  # type: ignore[return-value]


def init_app(app: Flask) -> None:
    app.register_error_handler(KoyJaboError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def json_error(status: int, sentence: str, code: str, details: dict[str, Any] | None = None) -> PlainResponse:
    body = json.dumps({"error": sentence, "code": code, "details": details or {}}, ensure_ascii=False)
    return PlainResponse(HTTPStatus(status), [JSON_CONTENT, ("Cache-Control", "no-store")], body)


def error_response(error: KoyJaboError) -> PlainResponse:
    """The response for all clients except browsers that ask for a page."""
    refusal = json_error(error.status, str(error), error.code, error.details)
    return refusal._replace(headers=[*refusal.headers, *_headers(error)])


def unexpected(error: Exception) -> KoyJaboError:
    """Log an unexpected error, and return the error to respond with."""
    log.exception("unexpected_error kind=%s", type(error).__name__)
    return KoyJaboError()


def _headers(error: KoyJaboError) -> list[tuple[str, str]]:
    retry_after = [] if error.retry_after_s is None else [("Retry-After", str(error.retry_after_s))]
    return [*ERROR_HEADERS.get(error.code, {}).items(), *retry_after]


def _domain_error(error: KoyJaboError) -> Response:
    if is_page() and error.code in LOG_IN_FIRST:
        return to_login()
    current()[ObservabilityServices].metrics.error(error.code)
    if not is_page():
        return as_response(error_response(error))
    response = page(error.status, str(error), error.code, error.retry_after_s)
    response.headers.extend(_headers(error))
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 405 and request.method == "GET" and is_page():
        return to_page_above()
    code, sentence = HTTP_SENTENCES.get(status, (code_of(status), error.description or error.name))
    current()[ObservabilityServices].metrics.error(code)
    response = page(status, sentence, code) if is_page() else as_response(json_error(status, sentence, code))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unexpected_error(error: Exception) -> Response:
    return _domain_error(unexpected(error))
