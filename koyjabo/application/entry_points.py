"""Loads the routes and commands of all features, and adds what they share to the application."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from koyjabo.base.settings.schema import Settings


ENTRY_POINTS = {
    "web": "pages",
    "people.audit": "admin",
    "people.accounts": "api pages",
    "upkeep.personal_data": "api pages",
    "communities": "api pages admin",
    "integrations.api_keys": "api admin",
    "counting": "api pages",
    "counting.evidence": "api",
    "counting.page_numbers": "api",
    "sockets": "api",
    "site.badges": "pages",
    "reports": "api pages admin",
    "reports.visits": "admin",
    "upkeep.retention": "api",
    "upkeep.backups": "admin",
    "upkeep.health": "api admin",
    "site.receipts": "api pages",
    "site.getting_started": "admin",
    "site.home": "pages",
    "site.panel": "connect data navigation overview panel_stream server",
}
"""Modules that add routes to the shared blueprints, by feature. The OpenAPI document lists calls in this order."""


TAGS = ("visits", "communities", "reports", "keys", "accounts")
"""Tags of the API's calls, in the order people need them."""

PARTS = (
    "web.http.middleware",
    "web.pages.errors",
    "web.login.tokens",
    "web.login.page_login",
    "web.pages.missing_attributes",
    "web.pages.links",
    "web.pages.guides",
    "web.pages.preferences",
    "web.pages.redirects",
    "web.forms.forms",
    "web.assets.asset_tags",
    "communities.ui",
    "reports.visits.ui",
    "people.accounts.login.authentication",
)
"""Modules that add something to every application, whatever its settings."""


def init_app(app: "Flask", settings: "Settings") -> None:
    """Add everything to `app` except the WSGI middleware (see `wrap`)."""
    from koyjabo.web import i18n
    from koyjabo.web.assets import static_files
    from koyjabo.web.http import cookies, packing
    from koyjabo.web.limits import limits

    is_development = settings.environment == "development"
    app.config["TAGS"] = TAGS
    limits.init_app(app, settings)
    cookies.init_app(app, secure=not is_development)
    i18n.init_app(app)
    static_files.init_app(app, is_development)
    for part in PARTS:
        import_module(f"koyjabo.{part}").init_app(app)
    packing.init_app(app)
    for blueprint in blueprints(settings):
        app.register_blueprint(blueprint)


def wrap(app: "Flask", settings: "Settings") -> None:
    """Wrap `app` in WSGI middleware, which Socket.IO requests also pass through. Call this last."""
    from koyjabo.web.fast_path import fast_path
    from koyjabo.web.http import middleware, response_headers

    middleware.queue_fairly(app)
    fast_path.init_app(app)
    response_headers.init_app(app, lambda: settings.origins, settings.trusted_proxies > 0)
    middleware.trust_proxies(app, settings.trusted_proxies)
    if settings.environment == "development":
        if not settings.trusted_proxies:
            middleware.trust_this_machine(app)
        middleware.exempt_this_machine(app)
    if settings.log_level == "DEBUG":
        middleware.log_requests(app)


def blueprints(settings: "Settings") -> "list[Blueprint]":
    """All blueprints, with the routes that the features have added to them."""
    load()  # before anything else, because importing one of the modules earlier would change the order of routes
    from koyjabo.counting import api as counting
    from koyjabo.site.badges import api as badges
    from koyjabo.upkeep.health import api as health
    from koyjabo.web import current as shared, development
    from koyjabo.web.assets import static_files
    from koyjabo.web.openapi import document
    from koyjabo.web.pages import guides

    operation = [health.health_bp, health.metrics_bp, document.bp, guides.bp]
    public = [shared.api, counting.pixel_bp, badges.bp, *operation, static_files.bp]
    own = [*public, shared.pages, shared.admin]
    if settings.bridges:
        from koyjabo.site.bridges import koyjabo  # imported late, so that none of it is loaded when bridges are off

        own.append(koyjabo.bp)
    return [*own, development.bp] if settings.environment == "development" else own


def load() -> None:
    """Load the modules that add routes. Call this before importing any of them."""
    for feature, modules in ENTRY_POINTS.items():
        for module in modules.split():
            import_module(f"koyjabo.{feature}.{module}")
