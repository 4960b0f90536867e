"""Handles the most frequent requests without Flask, whose routing and contexts cost more than the requests themselves.

A handler on the fast path takes a `RequestContext` and returns a `PlainResponse`. Each path has one handler: `FastPath`
calls it for ordinary requests, and a Flask route for all others. A handler whose cost grows with its input, or that
reads more than a row, waits in the fair queue first (`waits_fairly`), and so does a request with a large body. All
layers around Flask are also around `FastPath`, so headers, ids and addresses are the same (decision 48).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from wsgiref.types import StartResponse

from flask import Flask, Request, Response

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.identity import Account
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.web.current import services_of
from koyjabo.web.http.middleware import log_request, queued
from koyjabo.web.http.responses import PlainResponse, as_response
from koyjabo.web.limits import limits
from koyjabo.web.limits.limits import Usage
from koyjabo.web.pages import errors
from koyjabo.web.schemas.bodies import MAX_BODY_BYTES
from .request_context import FlaskContext, Handler, Model, RequestContext

UNUSUAL_HEADERS = (
    "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE",
)  # fmt: skip
"""Requests with any of these headers are left to Flask."""

STREAM_OPENER = "koyjabo.stream_opener"
"""Name of the extension that handles handshakes for the stream at `/`. It is called with the request, and raises a
KoyJaboError to refuse. `sockets` provides it, because that package imports features that import this module.
"""

MAX_UNQUEUED_BYTES = 1_024
"""Maximum size of a body that does not wait in the fair queue, bytes. A visit takes half of it."""

USUAL_TYPES = {"application/json", "application/json; charset=utf-8", "text/plain", "text/plain;charset=UTF-8"}


def fast_path(handler: Handler) -> Callable[[], Response]:
    """Turn a handler into a Flask view, and put it on the fast path."""

    @wraps(handler)
    def view() -> Response:
        return as_response(handler(FlaskContext()))

    view.handler = handler  # type: ignore[attr-defined]
    return view


def with_query(handler: Handler) -> Handler:
    """Put requests with a query on the fast path as well; otherwise, they are left to Flask."""
    handler.takes_query = True  # type: ignore[attr-defined]
    return handler


def waits_fairly(handler: Handler) -> Handler:
    """Let requests wait in the fair queue, as they do for Flask. The cost of all other handlers is constant: a test
    compares the largest request of each with GET /api/stats.
    """
    handler.waits_fairly = True  # type: ignore[attr-defined]
    return handler


class FastContext(RequestContext):
    def __init__(self, app: Flask, environ: dict[str, Any]) -> None:
        self.services = services_of(app)
        self.environ = environ
        self.usage = Usage()
        self._limits = limits.limits(app)

    def body(self, model: type[Model]) -> Model:
        data = self.environ["wsgi.input"].read(int(self.environ["CONTENT_LENGTH"]))
        return model.read(data, self.environ)

    def caller(self) -> Account | None:
        return None  # requests with credentials are left to Flask


def init_app(app: Flask) -> None:
    """Install the fast path for its routes. Call this after adding the routes, and before wrapping Flask in other
    layers.
    """
    app.wsgi_app = FastPath(app)  # type: ignore[method-assign]


class FastPath:
    def __init__(self, app: Flask) -> None:
        self._flask = app
        self._app = app.wsgi_app
        self._open_stream: Callable[[Request], None] = app.extensions[STREAM_OPENER]
        self._handlers: dict[tuple[str, str], Handler] = {
            (method, rule.rule): view.handler
            for rule in app.url_map.iter_rules()
            if hasattr(view := app.view_functions[rule.endpoint], "handler")
            for method in (rule.methods or set()) & {"GET", "POST"}
        }
        self._respond_fairly = queued(self._respond)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_UPGRADE" in environ and self._opens_stream(environ):
            return []
        handler = self._handlers.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if handler is None or not _is_usual(environ, hasattr(handler, "takes_query")):
            return self._app(environ, start_response)
        if hasattr(handler, "waits_fairly") or _is_large(environ):
            return self._respond_fairly(environ, start_response)
        return self._respond(environ, start_response)

    def _respond(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        context = FastContext(self._flask, environ)
        response = _run(self._handlers[environ["REQUEST_METHOD"], environ["PATH_INFO"]], context)
        body = response.body.encode()
        headers = [*response.headers, *context.usage.headers()]
        if response.status not in (204, 304):
            headers.append(("Content-Length", str(len(body))))
        start_response(response.status_line, headers)
        log_request(environ["REQUEST_METHOD"], environ["PATH_INFO"], response.status)
        return [body]

    def _opens_stream(self, environ: dict[str, Any]) -> bool:
        """Respond to a handshake for the site's stream. Returns False if the request is not a handshake or cannot be
        accepted.
        """
        if environ["PATH_INFO"] != "/" or environ.get("SCRIPT_NAME") or not _is_handshake(environ):
            return False
        status = 200
        try:
            # Not stored in `environ`, because the reference cycle would last until the next garbage collection.
            self._open_stream(self._flask.request_class(environ, populate_request=False))
        except KoyJaboError:
            return False  # Flask responds
        except Exception as error:  # the close code informs the client
            status = 500
            services_of(self._flask)[ObservabilityServices].metrics.error(errors.unexpected(error).code)
        log_request("GET", "/", status)
        return True


def _is_large(environ: dict[str, Any]) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and int(environ["CONTENT_LENGTH"]) > MAX_UNQUEUED_BYTES


def _is_handshake(environ: dict[str, Any]) -> bool:
    """Whether this is a handshake, by the rules of Werkzeug's routing."""
    tokens = [token.strip().lower() for token in environ.get("HTTP_CONNECTION", "").split(",")]
    is_websocket = "upgrade" in tokens and environ["HTTP_UPGRADE"].lower() == "websocket"
    return is_websocket and environ["REQUEST_METHOD"] == "GET"


def _run(handler: Handler, context: FastContext) -> PlainResponse:
    try:
        return handler(context)
    except KoyJaboError as error:
        return _refusal(error, context)
    except Exception as error:
        return _refusal(errors.unexpected(error), context)


def _refusal(error: KoyJaboError, context: FastContext) -> PlainResponse:
    context.services[ObservabilityServices].metrics.error(error.code)
    return errors.error_response(error)


def _is_usual(environ: dict[str, Any], takes_query: bool) -> bool:
    for name in UNUSUAL_HEADERS:
        if name in environ:
            return False
    if environ.get("SCRIPT_NAME") or (environ.get("QUERY_STRING") and not takes_query):
        return False
    if environ["REQUEST_METHOD"] == "GET":
        return True
    length = environ.get("CONTENT_LENGTH") or ""
    has_usual_length = length.isascii() and length.isdigit() and int(length) <= MAX_BODY_BYTES
    return has_usual_length and environ.get("CONTENT_TYPE") in USUAL_TYPES
