"""Redirects from earlier addresses of panel pages to the current ones."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, url_for

from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.panel import for_viewers

HEALTH, DATA = "admin.health", "admin.data"
MOVED = {"insights": "admin.overview", "realtime": "admin.realtime", "users": "admin.users", "install": "admin.install"}
MOVED |= {"export": DATA, "getting-started": HEALTH, "health": HEALTH, "receipt": "pages.receipt", "system": HEALTH}
"""The current page by the earlier address, below /admin/."""

EARLIER = f"<any({', '.join(map(repr, MOVED))}):earlier>"


@bp.get(f"/{EARLIER}", defaults={"rest": ""})
@bp.get(f"/{EARLIER}/<path:rest>")
@for_viewers
def moved(earlier: str, rest: str) -> Response:
    """Redirect an earlier address, keeping the rest of its path and its query."""
    path = url_for(MOVED[earlier])
    return redirects.with_query(f"{path.rstrip('/')}/{quote(rest)}" if rest else path, 301)
