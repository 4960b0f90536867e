"""Redirects from earlier addresses of panel pages to the current ones. They are open to everyone, because a link to
Health must work while the database is unavailable. The current page checks the permission.
"""

from urllib.parse import quote

from flask import Response, url_for

from koyjabo.web.current import pages as bp
from koyjabo.web.pages import redirects

CONNECT, SERVER, DATA = "admin.install", "admin.server", "admin.data"
MOVED = {"insights": "admin.overview", "realtime": "admin.realtime", "users": "admin.users", "install": CONNECT}
MOVED |= {"export": DATA, "getting-started": SERVER, "health": SERVER, "receipt": "pages.receipt"}
MOVED |= {"keys": CONNECT, "shares": CONNECT, "webhooks": CONNECT, "settings": SERVER, "system": SERVER}
"""The current page by the earlier address, below /admin/."""

LISTS = ("keys", "shares", "webhooks")
"""Parts of Connect that were pages. The pages below them are below Connect now."""

EARLIER = f"<any({', '.join(map(repr, MOVED))}):earlier>"


@bp.get(f"/admin/{EARLIER}", defaults={"rest": ""})
@bp.get(f"/admin/{EARLIER}/<path:rest>")
def moved(earlier: str, rest: str) -> Response:
    """Redirect an earlier address, keeping the rest of its path and its query."""
    path = url_for(MOVED[earlier])
    if earlier in LISTS:
        if not rest:
            return redirects.with_query(path, 301, f"#{earlier}")
        rest = f"{earlier}/{rest}"
    return redirects.with_query(f"{path.rstrip('/')}/{quote(rest, safe='/%')}" if rest else path, 301)
