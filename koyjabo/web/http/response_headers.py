"""Adds headers to every response, by path, origin and content type, and the id of the request.

One WSGI layer around Flask and Socket.IO, with lists that are built once: Flask-CORS and flask-talisman take 80 µs a
request (decision 17). It also answers when an error handler fails.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Iterable
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Flask

from koyjabo.errors import KoyJaboError
from koyjabo.observability.request_context import request_id
from koyjabo.web.http.request_ids import HEADER, RequestIds

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]

PUBLIC_PATHS = ("/api/visitor/", "/api/stats", "/v.gif", "/healthz", "/readyz", "/static/")
"""Any origin may call these without credentials, because the app is served from another host than this server."""

PRIVATE_PATHS = ("/api/auth/", "/api/communities", "/api/invitations/")
"""Calls that need a login. Only pages of ALLOWED_ORIGINS may make them with cookies."""

SOCKETIO_PATH = "/socket.io/"

SECRET_PATHS = ("/reset-password/", "/verify-email/")
"""Pages whose address is a secret, which no other page may get as `Referer`."""

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
]
PAGES = [
    ("Content-Security-Policy", PAGE_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
DATA = [("Content-Security-Policy", DATA_POLICY)]
OVER_TLS = [("Strict-Transport-Security", "max-age=31536000")]
"""For this host only, without its subdomains: those are not ours to decide on."""

RATE_LIMITS = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
ANY_ORIGIN = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"ETag, Retry-After, {RATE_LIMITS}"),
]
BY_ORIGIN = [("Vary", "Origin")]
WITH_COOKIES = [
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", f"Link, Retry-After, X-Total-Count, {RATE_LIMITS}"),
]
PUBLIC_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match"),
    ("Access-Control-Max-Age", "86400"),
]
PRIVATE_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, X-CSRF-TOKEN"),
    ("Access-Control-Max-Age", "86400"),
]

LAST_RESORT_STATUS = "500 Internal Server Error"
LAST_RESORT = json.dumps({"error": KoyJaboError.sentence, "code": KoyJaboError.code, "details": {}}).encode()


class Rule:
    """The headers added to the responses of a group of paths. With `preflight`, this layer answers OPTIONS itself."""

    def __init__(
        self, resource_policy: str, cors: Headers, preflight: Headers | None = None, referrer: str = "same-origin"
    ) -> None:
        policies = [("Referrer-Policy", referrer), ("Cross-Origin-Resource-Policy", resource_policy)]
        shared = [*cors, *ALWAYS, *policies]
        self.preflight = preflight
        self.plain = (shared + DATA, shared + PAGES)
        self.over_tls = (shared + OVER_TLS + DATA, shared + OVER_TLS + PAGES)


PUBLIC = Rule("cross-origin", ANY_ORIGIN, PUBLIC_PREFLIGHT)
SOCKETIO = Rule("cross-origin", [])
OURS = Rule("same-origin", [])
SECRET = Rule("same-origin", [], referrer="no-referrer")
OTHER_ORIGINS = Rule("same-origin", BY_ORIGIN)


def allowed_origin(origin: str) -> Rule:
    cors = [("Access-Control-Allow-Origin", origin), *WITH_COOKIES, *BY_ORIGIN]
    return Rule("same-origin", cors, PRIVATE_PREFLIGHT)


def init_app(app: Flask, allowed_origins: Collection[str], trusts_proxies: bool) -> None:
    """Install the layer outside of all others except proxy support, which finds out whether a request used TLS."""
    app.wsgi_app = ResponseHeaders(app.wsgi_app, allowed_origins, trusts_proxies)  # type: ignore[method-assign]


class ResponseHeaders:
    def __init__(self, app: WSGIApplication, allowed_origins: Collection[str], trusts_proxies: bool) -> None:
        self._app = app
        self._allowed = {origin: allowed_origin(origin) for origin in allowed_origins}
        self._ids = RequestIds(trusts_proxies)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        own_id = self._ids.of(environ)
        request_id.set(own_id)
        rule = self._rule(environ)
        data, pages = rule.over_tls if environ["wsgi.url_scheme"] == "https" else rule.plain

        def start(status: str, headers: Headers, *error: Any) -> Any:
            added = pages if _is_page(headers) else data
            return start_response(status, [*headers, *added, (HEADER, own_id)], *error)

        if rule.preflight and environ["REQUEST_METHOD"] == "OPTIONS":
            start("204 No Content", rule.preflight)
            return []
        try:
            return self._app(environ, start)
        except Exception as error:  # the error handler failed as well
            log.exception("unanswered_error kind=%s", type(error).__name__)
            start(LAST_RESORT_STATUS, [("Content-Type", "application/json")], sys.exc_info())
            return [LAST_RESORT]

    def _rule(self, environ: dict[str, Any]) -> Rule:
        path = environ["PATH_INFO"]
        if path.startswith(PUBLIC_PATHS):
            return PUBLIC
        if self._allowed and path.startswith(PRIVATE_PATHS):
            return self._allowed.get(environ.get("HTTP_ORIGIN", ""), OTHER_ORIGINS)
        if path.startswith(SECRET_PATHS):
            return SECRET
        return SOCKETIO if path.startswith(SOCKETIO_PATH) else OURS


def _is_page(headers: Headers) -> bool:
    for name, value in headers:
        if name.lower() == "content-type":
            return value.startswith("text/html")
    return False
