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
from copy import copy
from functools import lru_cache
from itertools import count
from typing import Any

from flask import Flask

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.network import origins
from koyjabo.base.observability.logs import request_id
from .paths import PathPolicy, matching

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]

REQUEST_ID = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)

STATIC_PATH = "/static/"

POLICY = "Content-Security-Policy"
PAGE_DIRECTIVES = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
    )
)
PAGE_POLICY = f"{PAGE_DIRECTIVES}; frame-ancestors 'none'"
"""The Content-Security-Policy of all pages. A page with inline styles adds their hash (`policy_with_style`)."""

FRAME_POLICY = f"{PAGE_DIRECTIVES}; frame-ancestors *"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
WORKER_PATH = "/sw.js"
WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
"""Content-Security-Policy of the service worker, set by the response with its script rather than by its pages."""


ALWAYS = [("X-Content-Type-Options", "nosniff")]
UNFRAMED = [("X-Frame-Options", "DENY")]
FEATURES = [("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")]
PAGES = [
    *UNFRAMED,
    (POLICY, PAGE_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    *FEATURES,
]
FRAMED_PAGES = [
    (POLICY, FRAME_POLICY),
    # A page with this policy shows only frames that have it as well (HTML, "embedder policy").
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    *FEATURES,
]
DATA = [*UNFRAMED, (POLICY, DATA_POLICY)]
OVER_TLS = [("Strict-Transport-Security", "max-age=31536000")]
"""Headers sent over TLS. They apply only to this host, because its subdomains may belong to other people."""

RATE_LIMITS = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
ANY_ORIGIN = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"ETag, Retry-After, {RATE_LIMITS}"),
]
VARY, BY_ORIGIN = "Vary", "Origin"
WITH_COOKIES = [
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", f"ETag, Link, Retry-After, X-Total-Count, {RATE_LIMITS}"),
]
PUBLIC_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST"),
    # Monitoring scripts add their own headers. `*` does not include Authorization (Fetch, 4.9).
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, *"),
    ("Access-Control-Max-Age", "86400"),
]
PRIVATE_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Max-Age", "86400"),
]
"""Allows the headers that the browser names, because `*` has no meaning with credentials."""


LAST_RESORT_STATUS = "500 Internal Server Error"
LAST_RESORT = json.dumps({"error": KoyJaboError.sentence, "code": KoyJaboError.code, "details": {}}).encode()


class Rule:
    """Response headers for a group of paths. `plain` and `over_tls` contain the headers for data and the headers for
    pages. With `preflight`, this layer itself responds to OPTIONS. With `is_shared`, pages of ALLOWED_ORIGINS may read
    the responses.
    """

    def __init__(
        self,
        resource_policy: str,
        cors: Headers,
        preflight: Headers | None = None,
        referrer: str = "same-origin",
        pages: Headers = PAGES,
        data: Headers = DATA,
        is_shared: bool = True,
    ) -> None:
        policies = [("Referrer-Policy", referrer), ("Cross-Origin-Resource-Policy", resource_policy)]
        self._shared = [*ALWAYS, *policies]
        self._data, self._pages = data, pages
        self.preflight = preflight
        self.is_shared = is_shared
        self._allow(cors, cors)

    def _allow(self, cors: Headers, cors_of_pages: Headers) -> None:
        for_data, for_pages = [*cors, *self._shared], [*cors_of_pages, *self._shared]
        self.plain = (for_data + self._data, for_pages + self._pages)
        self.over_tls = (for_data + OVER_TLS + self._data, for_pages + OVER_TLS + self._pages)

    def naming(self, origin: str) -> "Rule":
        """This rule for requests from an allowed origin. Our own pages do not name it: they have tokens for forms."""
        named = copy(self)
        cors = [("Access-Control-Allow-Origin", origin), *WITH_COOKIES]
        named._allow(cors, cors if self is FRAME else [])
        named.preflight = PRIVATE_PREFLIGHT
        return named


PUBLIC = Rule("cross-origin", ANY_ORIGIN, PUBLIC_PREFLIGHT)
STATIC = Rule("cross-origin", ANY_ORIGIN[:1])
PRIVATE = Rule("same-origin", [])
OURS = Rule("same-origin", [], is_shared=False)
FRAME = Rule("cross-origin", [], pages=FRAMED_PAGES)
SECRET = Rule("same-origin", [("X-Robots-Tag", "noindex")], referrer="no-referrer", is_shared=False)
WORKER = Rule("same-origin", [], data=[*UNFRAMED, (POLICY, WORKER_POLICY)], is_shared=False)


def policy_with_style(digest: str) -> str:
    """The policy of a page with a `<style>` that has this SHA-256 (base64)."""
    return PAGE_POLICY.replace("style-src 'self'", f"style-src 'self' 'sha256-{digest}'")


@lru_cache(maxsize=1024)
def naming(rule: Rule, origin: str) -> Rule:
    return rule.naming(origin)


def init_app(app: Flask, allowed_origins: Callable[[], Collection[str]], trusts_proxies: bool) -> None:
    """Install this layer around all other layers except proxy support, which determines whether a request used TLS.
    Call this once all features have declared their paths.
    """
    app.wsgi_app = ResponseHeaders(app, allowed_origins, trusts_proxies)  # type: ignore[method-assign]


def cors_lines(allowed: Collection[str], origin: str) -> bytes:
    """The headers that let a page of an origin read what the server itself responds, as bytes."""
    is_named = origins.is_allowed(origin, tuple(allowed))
    headers = [("Access-Control-Allow-Origin", origin), WITH_COOKIES[0]] if is_named else ANY_ORIGIN[:1]
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
            applied = OURS if usual is FRAME and not status.startswith("200 ") else rule
            data, pages = applied.over_tls if is_over_tls else applied.plain
            added = data
            if _is_page(headers):  # a page with inline styles sets its own policy
                has_policy = any(name == POLICY for name, _ in headers)
                added = [page for page in pages if page[0] != POLICY] if has_policy else pages
            varied = _varying(headers) if allowed else headers
            return start_response(status, [*varied, *added, (REQUEST_ID, own_id)], *error)

        if rule.preflight and environ["REQUEST_METHOD"] == "OPTIONS":
            names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
            repeated = [("Access-Control-Allow-Headers", names)] if names and rule is not PUBLIC else []
            start("204 No Content", [*rule.preflight, *repeated])
            return []
        try:
            return self._app(environ, start)
        except Exception as error:  # the error handler also failed
            log.exception("unanswered_error kind=%s", type(error).__name__)
            start(LAST_RESORT_STATUS, [("Content-Type", "application/json")], sys.exc_info())
            return [LAST_RESORT]

    def _rule(self, path: str) -> Rule:
        if self._public(path):
            return PUBLIC
        if path.startswith(STATIC_PATH):
            return STATIC
        if self._secret(path):
            return SECRET
        if self._embedded(path):
            return FRAME
        if path == WORKER_PATH:
            return WORKER
        return OURS if self._own(path) else PRIVATE


def _varying(headers: Headers) -> Headers:
    """The headers with `Origin` in `Vary`."""
    varied = ", ".join([*(value for name, value in headers if name.lower() == "vary"), BY_ORIGIN])
    return [*(header for header in headers if header[0].lower() != "vary"), (VARY, varied)]


def _is_page(headers: Headers) -> bool:
    for name, value in headers:
        if name.lower() == "content-type":
            return value.startswith("text/html")
    return False


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
        if proxy_id and WELL_FORMED.fullmatch(proxy_id):
            return proxy_id
        return f"{self._prefix}-{next(self._numbers):x}"
