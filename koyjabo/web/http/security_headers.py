"""What every answer tells browsers, whoever made it: to run nothing but our own files, to take it for nothing that it
is not, and to show it in no frame.

In front of Flask and Socket.IO, with constant headers, for the reason that CORS is (decision 17).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask

from koyjabo.errors import KoyJaboError
from koyjabo.web.http.middleware import PUBLIC_PATHS

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
]
OF_PAGES = [
    ("Content-Security-Policy", PAGE_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
OF_DATA = [("Content-Security-Policy", DATA_POLICY)]
FOR_ANYBODY = [("Cross-Origin-Resource-Policy", "cross-origin")]
"""Our module, and what it asks for, belong on the pages of others too."""

FOR_OURSELVES = [("Cross-Origin-Resource-Policy", "same-origin")]
OVER_TLS = [("Strict-Transport-Security", "max-age=31536000")]
"""For this host alone: what else its domain has is not ours to decide."""

LAST_RESORT_STATUS = "500 Internal Server Error"
LAST_RESORT = json.dumps({"error": KoyJaboError.sentence, "code": KoyJaboError.code, "details": {}}).encode()

OPEN_PATHS = (*PUBLIC_PATHS, "/socket.io/")


def init_app(app: Flask) -> None:
    app.wsgi_app = AnswerHeaders(app.wsgi_app)  # type: ignore[method-assign]


class AnswerHeaders:
    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        about = _ABOUT[environ["wsgi.url_scheme"] == "https", environ["PATH_INFO"].startswith(OPEN_PATHS)]

        def start(status: str, headers: Headers, *error: Any) -> Any:
            return start_response(status, headers + about[_is_page(headers)], *error)

        try:
            return self._app(environ, start)
        except Exception as error:  # even the answer to an error failed
            log.exception("unanswered_error kind=%s", type(error).__name__)
            start(LAST_RESORT_STATUS, [("Content-Type", "application/json")], sys.exc_info())
            return [LAST_RESORT]


def _is_page(headers: Headers) -> bool:
    return any(value.startswith("text/html") for name, value in headers if name.lower() == "content-type")


def _about(is_secure: bool, is_open: bool) -> tuple[Headers, Headers]:
    """What is added to data, and to pages."""
    shared = ALWAYS + (FOR_ANYBODY if is_open else FOR_OURSELVES) + (OVER_TLS if is_secure else [])
    return shared + OF_DATA, shared + OF_PAGES


_ABOUT = {(secure, public): _about(secure, public) for secure in (False, True) for public in (False, True)}
