"""What every request passes before it reaches a handler."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import flask
from flask import Flask
from flask.sessions import NullSession, SessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from koyjabo.network import client_address
from koyjabo.web.api.visit_requests import LARGEST_BODY

NOT_ASCII = re.compile(rb"[^\x00-\x7f]")


def init_app(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1  # cuts what is longer; `bodies` sees that it was
    app.session_interface = NoSession()
    app.url_map.strict_slashes = False  # both spellings answer: a redirect breaks preflights
    app.url_map.merge_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.policies["json.dumps_kwargs"] = {}  # nor in templates
    app.request_class = Request


class Request(flask.Request):
    """One whose query may have any bytes in it. Werkzeug takes those that stand there as they are for UTF-8, and fails
    where they are none; written as browsers write them, they are read like all others.
    """

    def __init__(self, environ: dict[str, Any], *more: Any, **options: Any) -> None:
        super().__init__(environ, *more, **options)
        if not self.query_string.isascii():
            self.query_string = NOT_ASCII.sub(lambda each: b"%%%02X" % ord(each[0]), self.query_string)

    def close(self) -> None:
        """Where it was found that there is no such page: those frames hold the request, which would stay until the
        collector comes. Each event of Socket.IO has such a request, since none of our routes is for it.
        """
        super().close()
        if self.routing_exception is not None:
            self.routing_exception.__traceback__ = self.routing_exception.__context__ = None


def trust_proxies(app: Flask, hops: int) -> None:
    """In front of all others: `hops` of X-Forwarded-For are ours, and what stands before them is not looked at."""
    if hops:
        app.wsgi_app = _behind(app.wsgi_app, hops)  # type: ignore[method-assign]


def _behind(app: Any, hops: int) -> ProxyFix:
    """Werkzeug's, but for the address: it reads the header as a list of texts that may be quoted, so one quotation mark
    of a client's hides what our proxies wrote after it.
    """

    def addressed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        named = client_address.hops(environ, hops)
        if len(named) == hops and named[-1]:
            environ["REMOTE_ADDR"] = named[-1]
        return app(environ, start_response)

    return ProxyFix(addressed, x_for=0, x_proto=1)


def trust_this_machine(app: Flask) -> None:
    """In development, clients on this machine may name the address they act for, in one hop of X-Forwarded-For: a
    development server in front of this one does, and so does the demo (`make demo`).
    """
    app.wsgi_app = LoopbackProxy(app.wsgi_app)  # type: ignore[method-assign]


class LoopbackProxy:
    def __init__(self, app: Any) -> None:
        self._app = app
        self._fixed = _behind(app, 1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        app = self._fixed if client_address.is_loopback(environ.get("REMOTE_ADDR") or "") else self._app
        return app(environ, start_response)


class NoSession(SessionInterface):
    """Nothing here keeps a session in a signed cookie, so none is looked for."""

    def open_session(self, app: Flask, request: Any) -> NullSession:
        return NullSession()

    def save_session(self, app: Flask, session: Any, response: Any) -> None:
        pass
