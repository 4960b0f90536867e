"""Citinfos of today: the paths and bodies that its React code reads, those of its serializers, its socket and its
tracker (docs/bridges.md). The figures are those of `reports`.
"""

from __future__ import annotations

from flask import Blueprint

from koyjabo.webkit.http.response_headers import Paths

bp = Blueprint("citinfos", __name__)

PATHS = Paths(private=("/api/analytics/", "/api/visitors/", "/api/user/"))

from koyjabo.bridges.citinfos import (  # noqa: E402  (they add their routes to bp)
    breakdowns,  # noqa: F401
    communities,  # noqa: F401
    export,  # noqa: F401
    presence,  # noqa: F401
    socket,  # noqa: F401
    visitors,  # noqa: F401
)
