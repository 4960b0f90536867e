"""Makes the WSGI environment of a request (PEP 3333)."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from koyjabo.server.http.request_parser import RequestParser


def shared_environment(server: tuple[Any, ...], more: dict[str, Any]) -> dict[str, Any]:
    """The part that all requests have. `server` is the address of the listening socket."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,  # the input ends with the body, chunked or not
        "SCRIPT_NAME": "",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "CONTENT_TYPE": "text/plain",
        **more,
    }


def environment(parser: RequestParser, shared: dict[str, Any], peer: tuple[Any, ...]) -> dict[str, Any]:
    path, _, query = parser.url.partition(b"?")
    if path.startswith(b"//"):  # a redirect to it would lead to another site
        path = b"/" + path.lstrip(b"/")
    if b"%" in path:
        path = unquote_to_bytes(path)
    return {
        **shared,
        **parser.headers,
        "REQUEST_METHOD": parser.method,
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{parser.version}",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "wsgi.input": io.BytesIO(parser.body),
    }


class StreamedBody(io.RawIOBase):
    """The body of a request that is read while it arrives. `more` waits for the next bytes; b"" is the end."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._left or self._more()
        taken = data[: len(buffer)]
        self._left = data[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
