"""Answers every error with its status and `{"error": sentence, "code": …, "details": {…}}` (specification: Errors), or
with a page if the client is a browser that asks for one.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from koyjabo.core.errors import KoyJaboError
from koyjabo.core.i18n import N_
from koyjabo.observability.services import ObservabilityServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import CONTENT, PlainResponse, as_response
from koyjabo.webkit.pages import error_pages

log = logging.getLogger(__name__)

HEADERS = {"upgrade_required": {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}}

SENTENCES = {
    400: ("bad_request", "The request is not valid HTTP for this path."),
    404: ("not_found", "Nothing found at this path; /openapi.json lists all paths."),
    405: (
        "method_not_allowed",
        N_("This path does not support this method; the Allow header lists those it supports."),
    ),
    413: ("body_too_large", N_("The request body is too large. Send less: 16 KB, or 1 MB for a list.")),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(KoyJaboError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def answer(status: int, sentence: str, code: str, details: dict[str, Any] | None = None) -> PlainResponse:
    body = json.dumps({"error": sentence, "code": code, "details": details or {}}, ensure_ascii=False)
    return PlainResponse(HTTPStatus(status), [CONTENT, ("Cache-Control", "no-store")], body)


def error_answer(error: KoyJaboError) -> PlainResponse:
    """The answer to all clients but browsers that ask for a page."""
    refusal = answer(error.status, str(error), error.code, error.details)
    return refusal._replace(headers=[*refusal.headers, *_headers(error)])


def unexpected(error: Exception) -> KoyJaboError:
    """Log an unexpected error. Returns the error to answer with."""
    log.exception("unexpected_error kind=%s", type(error).__name__)
    return KoyJaboError()


def _headers(error: KoyJaboError) -> list[tuple[str, str]]:
    retry_after = [] if error.retry_after_s is None else [("Retry-After", str(error.retry_after_s))]
    return [*HEADERS.get(error.code, {}).items(), *retry_after]


def _domain_error(error: KoyJaboError) -> Response:
    if error_pages.is_page() and error.code in error_pages.LOG_IN_FIRST:
        return error_pages.to_login()
    current()[ObservabilityServices].metrics.error(error.code)
    if not error_pages.is_page():
        return as_response(error_answer(error))
    response = error_pages.page(error.status, str(error), error.code, error.retry_after_s)
    response.headers.extend(_headers(error))
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code, sentence = SENTENCES.get(status, (error.name.lower().replace(" ", "_"), error.description or error.name))
    current()[ObservabilityServices].metrics.error(code)
    is_page = error_pages.is_page()
    response = error_pages.page(status, sentence, code) if is_page else as_response(answer(status, sentence, code))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unexpected_error(error: Exception) -> Response:
    return _domain_error(unexpected(error))
