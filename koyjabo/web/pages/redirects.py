"""Redirects after forms."""

import re
from typing import Any

from flask import Response, redirect, request, url_for

OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\]*", re.ASCII)
"""A path on this server. Browsers treat a path that begins with two slashes or a backslash as another host."""


def to(endpoint: str, **values: Any) -> Response:
    """Redirect with 303, so that the browser requests the page with GET."""
    return redirect(url_for(endpoint, **values), 303)  # type: ignore[return-value]


def with_query(path: str) -> Response:
    """Redirect to a path with this request's query. Do not pass a query to `url_for`, which gives some names a meaning
    (`_external`, `_scheme`).
    """
    query = request.query_string.decode()
    return redirect(path + (f"?{query}" if query else ""), 303)  # type: ignore[return-value]


def back(otherwise: str) -> Response:
    """Redirect to the path in `next` if it is on this server, otherwise to the endpoint."""
    return redirect(path_back(otherwise), 303)  # type: ignore[return-value]


def path_back(otherwise: str) -> str:
    """The path in `next` if it is on this server, otherwise the endpoint's path."""
    return own_path(request.values.get("next", "")) or url_for(otherwise)


def own_path(path: str) -> str:
    """The path if it is on this server, otherwise ""."""
    return path if OWN_PATH.fullmatch(path) else ""
