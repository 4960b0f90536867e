"""What every page tells caches; what all answers have in common is in `response_headers`."""

from __future__ import annotations

from flask import Response, g


def private(response: Response) -> Response:
    """For `after_request` of blueprints of pages."""
    kept = "no-store" if g.get("login") else "no-cache"  # whoever uses the browser next goes back to nothing of theirs
    response.headers.setdefault("Cache-Control", f"private, {kept}")
    response.vary.update(("Cookie", "Accept-Language"))
    return response
