"""Cache headers of pages. `response_headers` adds the headers that all responses have."""

from __future__ import annotations

from flask import Response, g


def private(response: Response) -> Response:
    """Set the cache headers of a page. An `after_request` function for blueprints."""
    directive = "no-store" if g.get("login") else "no-cache"  # after a logout, "back" must not show private pages
    response.headers.setdefault("Cache-Control", f"private, {directive}")
    response.vary.update(("Cookie", "Accept-Language"))
    return response


def no_store(response: Response) -> Response:
    """Forbid caching of a page that contains secrets or has a secret URL, as in `response_headers.SECRET_PATHS`."""
    response.headers["Cache-Control"] = "no-store"
    return response
