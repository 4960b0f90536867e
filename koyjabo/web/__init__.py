"""The HTTP transport: handlers that parse a request, make one call to the domain and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from koyjabo.settings.schema import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Add everything of this package to `app`, except what `wrap` adds."""
    from koyjabo.web.http import errors, middleware, static_files
    from koyjabo.web.security import cookies, page_login, rate_limits, tokens
    from koyjabo.web.ui import flash, languages, questions

    is_development = settings.environment == "development"
    middleware.init_app(app)
    rate_limits.init_app(app, settings)
    errors.init_app(app)
    cookies.init_app(app, secure=not is_development)
    tokens.init_app(app)
    page_login.init_app(app)
    languages.init_app(app, settings.zone)
    flash.init_app(app)
    questions.init_app(app)
    static_files.init_app(app, is_development)
    for blueprint in blueprints(is_development):
        app.register_blueprint(blueprint)


def wrap(app: Flask, settings: Settings) -> None:
    """Put WSGI middleware around `app`, which also the requests of Socket.IO pass. Call it last."""
    from koyjabo.web.http import lanes, middleware, request_log, response_headers

    if settings.lanes:
        lanes.init_app(app)
    response_headers.init_app(app, settings.origins, trusts_proxies=settings.trusted_proxies > 0)
    middleware.trust_proxies(app, settings.trusted_proxies)
    if settings.environment == "development":
        if not settings.trusted_proxies:
            middleware.trust_this_machine(app)
        middleware.exempt_this_machine(app)
    if settings.log_level == "DEBUG":
        request_log.init_app(app)


def blueprints(is_development: bool) -> list[Blueprint]:
    from koyjabo.web import admin, api, pages
    from koyjabo.web.api import pixel
    from koyjabo.web.http import static_files
    from koyjabo.web.operations import development, docs, health, metrics, openapi

    own = [api.bp, pixel.bp, health.bp, metrics.bp, openapi.bp, docs.bp, static_files.bp, pages.bp, admin.bp]
    return [*own, development.bp] if is_development else own
