"""The cache headers of pages; the headers of all responses are in `response_headers`."""

from __future__ import annotations

from flask import Response, g


def private(response: Response) -> Response:
    """An `after_request` function for blueprints with pages."""
    directive = "no-store" if g.get("login") else "no-cache"  # after a logout, "back" must not show private pages
    response.headers.setdefault("Cache-Control", f"private, {directive}")
    response.vary.update(("Cookie", "Accept-Language"))
    return response


def no_store(response: Response) -> Response:
    """For a page with secrets, or one whose address is a secret, as `response_headers.SECRET_PATHS` are."""
    response.headers["Cache-Control"] = "no-store"
    return response
