"""Redirects from earlier addresses of panel pages to the current ones."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, redirect, request, url_for

from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.panel import for_viewers

MOVED = {"insights": "", "realtime": "live", "users": "people", "install": "connect", "health": "server"}
"""The current address by the earlier one, below /admin/."""

EARLIER = f"<any({', '.join(MOVED)}):earlier>"


@bp.get(f"/{EARLIER}", defaults={"rest": ""})
@bp.get(f"/{EARLIER}/<path:rest>")
@for_viewers
def moved(earlier: str, rest: str) -> Response:
    """Redirect an earlier address, keeping the rest of its path and its query."""
    path = "/".join(filter(None, (MOVED[earlier], quote(rest))))
    query = request.query_string.decode()
    return redirect(url_for("admin.overview") + path + (f"?{query}" if query else ""), 301)  # type: ignore[return-value]
