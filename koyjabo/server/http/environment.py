"""The WSGI environment of a request (PEP 3333)."""

import io
import re
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from .request_parser import RequestParser

DELIMITER = re.compile(rb"%(?=2[35F]|3F)", re.IGNORECASE)
"""Begins an escaped `#`, `%`, `/` or `?`."""


def shared_environment(server: tuple[Any, ...], more: dict[str, Any]) -> dict[str, Any]:
    """The part of the WSGI environment that all requests share. `server` is the address of the listening socket."""
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
    if path.startswith(b"//"):  # a redirect to such a path would lead to another site
        path = b"/" + path.lstrip(b"/")
    if b"%" in path:  # delimiters stay escaped, so that `/` in an id does not end a segment
        path = unquote_to_bytes(DELIMITER.sub(b"%25", path))
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
