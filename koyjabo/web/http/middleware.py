"""WSGI middleware and settings for all requests, and the request log with LOG_LEVEL=DEBUG."""

import logging
import re
from collections.abc import Iterable
from functools import partial
from typing import Any, cast
from urllib.parse import quote
from wsgiref.types import WSGIApplication

import flask
from flask import Flask, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import UnicodeConverter

from koyjabo.base.network import client_address
from koyjabo.base.network.client_address import customer
from .body_sizes import SIZES_EXTENSION, BodySizes
from .proxy_hops import PEER

log = logging.getLogger("koyjabo.requests")

NON_ASCII_BYTE = re.compile(rb"[^\x00-\x7f]")

DELIMITERS = {"%23": "#", "%25": "%", "%2F": "/", "%3F": "?"}
"""What the server leaves escaped in a path, which is therefore still a valid link."""

ESCAPED_DELIMITER = re.compile("|".join(DELIMITERS), re.IGNORECASE)


def init_app(app: Flask) -> None:
    app.session_interface = NoSession()
    app.url_map.strict_slashes = False  # both spellings work, because a redirect would break preflights
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = Segment
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.policies["json.dumps_kwargs"] = {}  # nor in templates
    sizes = app.extensions[SIZES_EXTENSION] = BodySizes(app)
    app.request_class = cast(Any, partial(RequestOfAnyBytes, sizes))


class Segment(UnicodeConverter):
    """A segment of a path, such as an id with any characters."""

    def to_python(self, value: str) -> str:
        return ESCAPED_DELIMITER.sub(lambda escape: DELIMITERS[escape[0].upper()], value)

    def to_url(self, value: Any) -> str:
        return quote(str(value), safe="!$&'()*+,:;=@")


class RequestOfAnyBytes(flask.Request):
    """A request whose query may contain any bytes. Werkzeug fails on raw bytes that are not valid UTF-8, but accepts
    percent-encoded ones, as browsers send them.
    """

    def __init__(self, sizes: BodySizes, environ: dict[str, Any], *more: Any, **options: Any) -> None:
        super().__init__(environ, *more, **options)
        self.max_content_length = sizes.largest_at(self.path) + 1  # cuts longer bodies; `bodies` detects them
        if not self.query_string.isascii():
            self.query_string = NON_ASCII_BYTE.sub(lambda match: b"%%%02X" % ord(match[0]), self.query_string)

    def close(self) -> None:
        """Drop the traceback of a 404. Its frames refer to the request, which would stay in memory until a garbage
        collection. Every Socket.IO event has such a request, because no route matches it.
        """
        super().close()
        if self.routing_exception is not None:
            self.routing_exception.__traceback__ = self.routing_exception.__context__ = None


def queue_fairly(app: Flask) -> None:
    """Put requests that reach Flask into the fair queue, so that a client with many connections only delays itself.
    Call this before wrapping Flask in other layers. Handlers on the fast path that have a constant cost do not need it.
    """
    app.wsgi_app = queued(app.wsgi_app)  # type: ignore[method-assign, assignment]


def queued(layer: WSGIApplication) -> WSGIApplication:
    """An application whose requests wait in the fair queue."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        await_slot = environ.get("koyjabo.await_slot")  # None under another WSGI server
        if await_slot and not await_slot(environ, customer(client_address.limit_key(environ))):
            start_response("503 Service Unavailable", [])  # the client has disconnected
            return []
        return layer(environ, start_response)

    return application


def trust_proxies(app: Flask, hops: int) -> None:
    """Trust `hops` proxies, but not the headers that they received. Must be the outermost middleware."""
    if hops:
        app.wsgi_app = _behind(app.wsgi_app, hops)  # type: ignore[method-assign, assignment]


def _behind(app: WSGIApplication, hops: int) -> WSGIApplication:
    def behind(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[PEER] = environ.get("REMOTE_ADDR") or ""
        environ.update(client_address.behind(environ, hops))
        return app(environ, start_response)

    return behind


def trust_this_machine(app: Flask) -> None:
    """In development, accept one hop of X-Forwarded-For from clients on this machine, such as a development server in
    front of this one, or the demo (`make demo`).
    """
    layer, fixed = app.wsgi_app, _behind(app.wsgi_app, 1)

    def trusting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_local = client_address.is_loopback(environ.get("REMOTE_ADDR") or "")
        return (fixed if is_local else layer)(environ, start_response)

    app.wsgi_app = trusting  # type: ignore[method-assign]


def exempt_this_machine(app: Flask) -> None:
    """In development, exempt direct requests from this machine from limits: tests, benchmarks, the command line."""
    layer = app.wsgi_app

    def exempting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not client_address.is_forwarded(environ):
            environ[client_address.NO_LIMIT] = True
        return layer(environ, start_response)

    app.wsgi_app = exempting  # type: ignore[method-assign]


class NoSession(SessionInterface):
    """Turns off Flask's sessions in signed cookies, which are not used here."""

    def open_session(self, app: Flask, request: Any) -> NullSession:
        return NullSession()

    def save_session(self, app: Flask, session: Any, response: Any) -> None:
        pass


def log_requests(app: Flask) -> None:
    """Log each request by its route. The path itself may contain personal data."""

    @app.after_request
    def log_response(response: Response) -> Response:
        log_request(request.method, request.url_rule.rule if request.url_rule else "-", response.status_code)
        return response


def log_request(method: str, route: str, status: int) -> None:
    log.debug("request method=%s route=%s status=%d", method, route, status)
