"""Koy Jabo Live: visitor counts, exact and at once.

Nothing is imported here at module level: `koyjabo.server` changes the standard library in a worker before anything
else of the package is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.accounts.accounts import Accounts
    from koyjabo.clock import Clock
    from koyjabo.runtime import Runtime
    from koyjabo.settings.schema import Settings


def create_app(
    settings: Mapping[str, Any] | None = None, *, runtime: Runtime | None = None, clock: Clock | None = None
) -> Flask:
    """Make the application: the one place that knows every room and wires them.

    `settings` override the environment. The database is migrated. `runtime` is where requests wait (real threads, if
    not said otherwise) and `clock` the source of time. Raises config.SettingsError for a setting that cannot be used,
    errors.LedgerUnavailable when the database cannot be reached, errors.UnusableDatabase when it is none.
    """
    from flask import Flask

    import config
    from koyjabo import sockets
    from koyjabo.application.assembly import wire
    from koyjabo.application.services import EXTENSION
    from koyjabo.clock import Clock
    from koyjabo.counting import opening_queries
    from koyjabo.database import engine
    from koyjabo.extensions import db
    from koyjabo.observability import logs
    from koyjabo.runtime import ThreadRuntime
    from koyjabo.web import blueprints
    from koyjabo.web.http import errors, middleware, response_headers, static_files
    from koyjabo.web.operations import development
    from koyjabo.web.security import page_login, rate_limits, tokens
    from koyjabo.web.ui import flash, languages

    chosen = config.load(settings)
    runtime = runtime or ThreadRuntime()
    app = Flask(__name__, instance_path=str(config.INSTANCE), static_folder=None)
    app.config.update({name: value for name, value in (settings or {}).items() if name.isupper()})
    app.config.update(
        SECRET_KEY=chosen.secret_key,
        METRICS_TOKEN=chosen.metrics_token,
        SQLALCHEMY_DATABASE_URI=chosen.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.engine_options(chosen.database),
    )
    clock = clock or Clock(chosen.zone)
    db.init_app(app)
    figures = opening_queries.prepare(app, chosen.database, chosen.starting_total, clock)

    middleware.init_app(app)
    sockets.init_app(app)
    limits = rate_limits.Limits(**{name: getattr(chosen, f"rate_limit_{name}") for name in rate_limits.Limits._fields})
    rate_limits.init_app(app, limits, chosen.web_concurrency)
    errors.init_app(app)
    is_development = chosen.environment == "development"
    tokens.init_app(app, secure=not is_development)
    page_login.init_app(app)
    languages.init_app(app, chosen.zone)
    flash.init_app(app)
    static_files.init_app(app, is_development)
    for blueprint in blueprints():
        app.register_blueprint(blueprint)
    services = app.extensions[EXTENSION] = wire(app, chosen, runtime, clock, figures)
    _make_first_admin(chosen, services.accounts)
    response_headers.init_app(app, chosen.origins, trusts_proxies=chosen.trusted_proxies > 0)
    middleware.trust_proxies(app, chosen.trusted_proxies)
    if is_development:
        app.register_blueprint(development.bp)
        if not chosen.trusted_proxies:
            middleware.trust_this_machine(app)
    if chosen.log_level == "DEBUG":
        logs.log_requests(app)
    return app


def _make_first_admin(chosen: Settings, accounts: Accounts) -> None:
    from koyjabo.accounts import first_admin
    from koyjabo.observability import logs

    if chosen.admin_email:
        first_admin.ensure(accounts, chosen.admin_email, chosen.admin_password)
    elif chosen.environment == "development":
        password = first_admin.make_up(accounts)
        if password is not None:
            logs.say(f"Made {first_admin.MADE_UP} with the password {password} (it is not shown again)")
