"""Links that people send to each other."""

from __future__ import annotations

from flask import current_app, request, url_for


def invitation(token: str) -> str:
    """With PUBLIC_URL; without it, at the host of this request."""
    site = current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")
    return f"{site}{url_for('pages.invitation', token=token)}"
