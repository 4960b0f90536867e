"""Adds the request's id to every response, and headers that depend on path, origin and content type. This is a single
WSGI layer around Flask and Socket.IO with prebuilt lists, because Flask-CORS and flask-talisman take 80 µs per
request. It also responds when an error handler fails.
"""

import json
import logging
import re
import secrets
import sys
from collections.abc import Callable, Collection, Iterable
from itertools import count
from typing import Any

from flask import Flask

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.network import origins
from koyjabo.base.observability.logs import request_id
from .header_rule import COOKIE_HEADERS, STYLES_HEADER, HeaderRule, Headers
from .header_rules import (
    ANY_ORIGIN_HEADERS,
    FRAME_RULE,
    OWN_RULE,
    PRIVATE_RULE,
    PUBLIC_RULE,
    SECRET_RULE,
    STATIC_RULE,
    WORKER_RULE,
    naming,
)
from .paths import PathPolicy, matching

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)

STATIC_PATH = "/static/"

WORKER_PATH = "/sw.js"

VARY, BY_ORIGIN = "Vary", "Origin"

UNCACHED_HEADER = ("Cache-Control", "no-store")

LAST_RESORT_STATUS = "500 Internal Server Error"
LAST_RESORT = json.dumps({"error": KoyJaboError.sentence, "code": KoyJaboError.code, "details": {}}).encode()


class RequestIds:
    """Gives every request an id, which appears in the response (`X-Request-Id`) and in log lines. It consists of a
    random per-process prefix and a number, because random ids would take five times as long. With `trusts_proxies`,
    an id set by our proxy is kept.
    """

    def __init__(self, trusts_proxies: bool) -> None:
        self._trusts_proxies = trusts_proxies
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def of(self, environ: dict[str, Any]) -> str:
        proxy_id: str = environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxies else ""
        if proxy_id and REQUEST_ID_PATTERN.fullmatch(proxy_id):
            return proxy_id
        return f"{self._prefix}-{next(self._numbers):x}"


def init_app(app: Flask, allowed_origins: Callable[[], Collection[str]], trusts_proxies: bool) -> None:
    """Install this layer around all other layers except proxy support, which determines whether a request used TLS.
    Call this once all features have declared their paths.
    """
    app.wsgi_app = ResponseHeaders(app, allowed_origins, trusts_proxies)  # type: ignore[method-assign]


def cors_lines(allowed: Collection[str], origin: str) -> bytes:
    """The headers that let a page of an origin read what the server itself responds, as bytes."""
    is_named = origins.is_allowed(origin, tuple(allowed))
    headers = [("Access-Control-Allow-Origin", origin), COOKIE_HEADERS[0]] if is_named else ANY_ORIGIN_HEADERS[:1]
    varied = [(VARY, BY_ORIGIN)] if allowed else []
    return "".join(f"{name}: {value}\r\n" for name, value in (*headers, *varied)).encode("latin-1")


class ResponseHeaders:
    def __init__(self, app: Flask, allowed_origins: Callable[[], Collection[str]], trusts_proxies: bool) -> None:
        self._app = app.wsgi_app
        self._public = matching(app, PathPolicy.ANYONE).match
        self._own = matching(app, PathPolicy.OWN, PathPolicy.PANEL).match
        self._secret = matching(app, PathPolicy.SECRET).match
        self._embedded = matching(app, PathPolicy.EMBEDDED).match
        self._allowed = allowed_origins
        self._ids = RequestIds(trusts_proxies)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        own_id = self._ids.of(environ)
        request_id.set(own_id)
        path, origin = environ["PATH_INFO"], environ.get("HTTP_ORIGIN", "")
        usual, allowed = self._rule(path), tuple(self._allowed())
        is_named = allowed and usual.is_shared and origins.is_allowed(origin, allowed)
        rule = naming(usual, origin) if is_named else usual
        is_over_tls = environ["wsgi.url_scheme"] == "https"

        def start(status: str, headers: Headers, *error: Any) -> Any:
            given = {name.lower(): value for name, value in headers}
            caching = given.get("cache-control", "")
            if not caching:  # a cache would decide itself how long to keep the response
                headers = [*headers, UNCACHED_HEADER]
            # Caches that ignore `Vary` send a public response to all sites, so it must not depend on the origin.
            is_public = caching.startswith("public")
            fitting = STATIC_RULE if is_public else rule
            data, pages = fitting.over_tls if is_over_tls else fitting.plain
            added = data
            if given.get("content-type", "").startswith("text/html"):
                headers, added = _with_styles(headers, pages)
            varied = _varying(headers) if allowed and not is_public else headers
            return start_response(status, [*varied, *added, (REQUEST_ID, own_id)], *error)

        if rule.preflight and environ["REQUEST_METHOD"] == "OPTIONS":
            names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
            repeated = [("Access-Control-Allow-Headers", names)] if names and rule is not PUBLIC_RULE else []
            start("204 No Content", [*rule.preflight, *repeated])
            return []
        try:
            return self._app(environ, start)
        except Exception as error:  # the error handler also failed
            log.exception("unanswered_error kind=%s", type(error).__name__)
            start(LAST_RESORT_STATUS, [("Content-Type", "application/json")], sys.exc_info())
            return [LAST_RESORT]

    def _rule(self, path: str) -> HeaderRule:
        if self._public(path):
            return PUBLIC_RULE
        if path.startswith(STATIC_PATH):
            return STATIC_RULE
        if self._secret(path):
            return SECRET_RULE
        if self._embedded(path):
            return FRAME_RULE
        if path == WORKER_PATH:
            return WORKER_RULE
        return OWN_RULE if self._own(path) else PRIVATE_RULE


def _varying(headers: Headers) -> Headers:
    """The headers with `Origin` in `Vary`."""
    varied = ", ".join([*(value for name, value in headers if name.lower() == "vary"), BY_ORIGIN])
    return [*(header for header in headers if header[0].lower() != "vary"), (VARY, varied)]


def _with_styles(headers: Headers, added: Headers) -> tuple[Headers, Headers]:
    """The page's own headers and the added ones, whose policy allows the styles that STYLES_HEADER names."""
    sources = next((value for name, value in headers if name == STYLES_HEADER), "")
    if not sources:
        return headers, added
    styles = "style-src 'self'"
    allowing = [(name, value.replace(styles, f"{styles} {sources}")) for name, value in added]
    return [header for header in headers if header[0] != STYLES_HEADER], allowing
