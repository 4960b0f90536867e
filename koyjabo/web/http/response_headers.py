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
from functools import lru_cache
from itertools import count
from typing import Any

from flask import Flask

from koyjabo.base.core.errors import KoyJaboError
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
FRAMED_PAGES = [(POLICY, FRAME_POLICY), *FEATURES]
DATA = [*UNFRAMED, (POLICY, DATA_POLICY)]
OVER_TLS = [("Strict-Transport-Security", "max-age=31536000")]
"""Headers sent over TLS. They apply only to this host, because its subdomains may belong to other people."""

RATE_LIMITS = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
ANY_ORIGIN = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"ETag, Retry-After, {RATE_LIMITS}"),
]
BY_ORIGIN = [("Vary", "Origin")]
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
    pages. With `preflight`, this layer itself responds to OPTIONS.
    """

    def __init__(
        self,
        resource_policy: str,
        cors: Headers,
        preflight: Headers | None = None,
        referrer: str = "same-origin",
        pages: Headers = PAGES,
        data: Headers = DATA,
    ) -> None:
        policies = [("Referrer-Policy", referrer), ("Cross-Origin-Resource-Policy", resource_policy)]
        shared = [*cors, *ALWAYS, *policies]
        self.preflight = preflight
        self.plain = (shared + data, shared + pages)
        self.over_tls = (shared + OVER_TLS + data, shared + OVER_TLS + pages)


PUBLIC = Rule("cross-origin", ANY_ORIGIN, PUBLIC_PREFLIGHT)
STATIC = Rule("cross-origin", ANY_ORIGIN[:1])
OURS = Rule("same-origin", [])
FRAME = Rule("cross-origin", [], pages=FRAMED_PAGES)
SECRET = Rule("same-origin", [("X-Robots-Tag", "noindex")], referrer="no-referrer")
WORKER = Rule("same-origin", [], data=[*UNFRAMED, (POLICY, WORKER_POLICY)])
OTHER_ORIGINS = Rule("same-origin", BY_ORIGIN)


def policy_with_style(digest: str) -> str:
    """The policy of a page with a `<style>` that has this SHA-256 (base64)."""
    return PAGE_POLICY.replace("style-src 'self'", f"style-src 'self' 'sha256-{digest}'")


@lru_cache(maxsize=256)
def allowed_origin(origin: str) -> Rule:
    cors = [("Access-Control-Allow-Origin", origin), *WITH_COOKIES, *BY_ORIGIN]
    return Rule("same-origin", cors, PRIVATE_PREFLIGHT)


def init_app(app: Flask, allowed_origins: Callable[[], Collection[str]], trusts_proxies: bool) -> None:
    """Install this layer around all other layers except proxy support, which determines whether a request used TLS.
    Call this once all features have declared their paths.
    """
    app.wsgi_app = ResponseHeaders(app, allowed_origins, trusts_proxies)  # type: ignore[method-assign]


class ResponseHeaders:
    def __init__(self, app: Flask, allowed_origins: Callable[[], Collection[str]], trusts_proxies: bool) -> None:
        self._app = app.wsgi_app
        self._public = matching(app, PathPolicy.ANYONE).match
        self._any_or_allowed = matching(app, PathPolicy.ANYONE_OR_ALLOWED).match
        self._private = matching(app, PathPolicy.ALLOWED_ORIGINS).match
        self._secret = matching(app, PathPolicy.SECRET).match
        self._embedded = matching(app, PathPolicy.EMBEDDED).match
        self._allowed = allowed_origins
        self._ids = RequestIds(trusts_proxies)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        own_id = self._ids.of(environ)
        request_id.set(own_id)
        rule = self._rule(environ)
        is_over_tls = environ["wsgi.url_scheme"] == "https"

        def start(status: str, headers: Headers, *error: Any) -> Any:
            applied = OURS if rule is FRAME and not status.startswith("200 ") else rule
            data, pages = applied.over_tls if is_over_tls else applied.plain
            added = data
            if _is_page(headers):  # a page with inline styles sets its own policy
                has_policy = any(name == POLICY for name, _ in headers)
                added = [page for page in pages if page[0] != POLICY] if has_policy else pages
            return start_response(status, [*headers, *added, (REQUEST_ID, own_id)], *error)

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

    def _rule(self, environ: dict[str, Any]) -> Rule:
        path = environ["PATH_INFO"]
        if self._public(path):
            return PUBLIC
        if path.startswith(STATIC_PATH):
            return STATIC
        if self._any_or_allowed(path):
            return self._rule_for(environ, PUBLIC)
        if self._private(path) and self._allowed():
            return self._rule_for(environ, OTHER_ORIGINS)
        if self._secret(path):
            return SECRET
        if self._embedded(path):
            return FRAME
        if path == WORKER_PATH:
            return WORKER
        return OURS

    def _rule_for(self, environ: dict[str, Any], others: Rule) -> Rule:
        origin = environ.get("HTTP_ORIGIN", "")
        return allowed_origin(origin) if origin in self._allowed() else others


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
