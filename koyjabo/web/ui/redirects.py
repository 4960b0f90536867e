"""Where a form leads when it is done."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, redirect, request, url_for

OURS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*", re.ASCII)
"""A path of this server: browsers take what begins with two slashes, or a backslash, for another host."""


def to(endpoint: str, **values: Any) -> Response:
    """303: what is looked at next is got, not sent again."""
    return redirect(url_for(endpoint, **values), 303)  # type: ignore[return-value]


def back(otherwise: str) -> Response:
    """To the page that the request names as `next`, if it is one of ours, or else to this endpoint."""
    path = request.values.get("next", "")
    return redirect(path, 303) if OURS.fullmatch(path) else to(otherwise)  # type: ignore[return-value]
