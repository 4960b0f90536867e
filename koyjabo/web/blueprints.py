"""Blueprints for modules with routes. Their names begin with their kind, as in `pages_home` and `panel_keys`."""

from flask import Blueprint, Request

from koyjabo.web.http.responses import private

API_PREFIX, PAGES_PREFIX, PANEL_PREFIX = "api_", "pages_", "panel_"
"""Prefixes of the names of blueprints."""


def api_blueprint(name: str) -> Blueprint:
    """A blueprint for calls of the API, below /api."""
    return Blueprint(f"{API_PREFIX}{name}", __name__, url_prefix="/api")


def pages_blueprint(name: str) -> Blueprint:
    """A blueprint for pages that are not in the panel (see `koyjabo.web.panel.panel_blueprint`)."""
    blueprint = Blueprint(f"{PAGES_PREFIX}{name}", __name__)
    blueprint.after_request(private)
    return blueprint


def is_page(request: Request) -> bool:
    """Whether a page outside of the panel handles this request."""
    return (request.blueprint or "").startswith(PAGES_PREFIX)


def is_in_panel(request: Request) -> bool:
    """Whether a page of the panel handles this request."""
    return (request.blueprint or "").startswith(PANEL_PREFIX)
