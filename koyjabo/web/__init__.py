"""The HTTP transport: handlers that parse a request, make one call to the domain and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from koyjabo.settings.schema import Settings
    from koyjabo.web.bridges import Bridge


def init_app(app: Flask, settings: Settings) -> None:
    """Add everything of this package to `app`, except what `wrap` adds."""
    from koyjabo.web.http import asset_tags, errors, middleware, packing, static_files
    from koyjabo.web.security import cookies, page_login, rate_limits, tokens
    from koyjabo.web.ui import flash, languages, links, questions, themes, visit_texts
    from koyjabo.web.ui.insights import annotation_texts

    is_development = settings.environment == "development"
    middleware.init_app(app)
    rate_limits.init_app(app, settings)
    errors.init_app(app)
    cookies.init_app(app, secure=not is_development)
    tokens.init_app(app)
    page_login.init_app(app)
    languages.init_app(app, settings.zone)
    links.init_app(app)
    visit_texts.init_app(app)
    annotation_texts.init_app(app)
    themes.init_app(app)
    flash.init_app(app)
    questions.init_app(app)
    static_files.init_app(app, is_development)
    asset_tags.init_app(app)
    packing.init_app(app)
    for blueprint in blueprints(settings):
        app.register_blueprint(blueprint)


def wrap(app: Flask, settings: Settings) -> None:
    """Put WSGI middleware around `app`, which also the requests of Socket.IO pass. Call it last."""
    from koyjabo.web.http import lanes, middleware, request_log, response_headers

    middleware.take_turns(app)
    if settings.lanes:
        lanes.init_app(app)
    more = [bridge.PATHS for bridge in bridges_of(settings)]
    response_headers.init_app(app, settings.origins, settings.trusted_proxies > 0, more)
    middleware.trust_proxies(app, settings.trusted_proxies)
    if settings.environment == "development":
        if not settings.trusted_proxies:
            middleware.trust_this_machine(app)
        middleware.exempt_this_machine(app)
    if settings.log_level == "DEBUG":
        request_log.init_app(app)


def blueprints(settings: Settings) -> list[Blueprint]:
    from koyjabo.web import admin, api, pages
    from koyjabo.web.api import pixel
    from koyjabo.web.badges import badges
    from koyjabo.web.http import static_files
    from koyjabo.web.operations import development, docs, health, metrics, openapi_document

    public = [api.bp, pixel.bp, badges.bp, health.bp, metrics.bp, openapi_document.bp, docs.bp, static_files.bp]
    own = [*public, pages.bp, admin.bp, *(bridge.bp for bridge in bridges_of(settings))]
    return [*own, development.bp] if settings.environment == "development" else own


def bridges_of(settings: Settings) -> list[Bridge]:
    """The bridges that are on. Nothing of the others is loaded."""
    if not settings.bridged:
        return []
    from koyjabo.web import bridges

    return [bridges.load(name) for name in settings.bridged]
