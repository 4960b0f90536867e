"""Creates the Flask application: adds all interfaces, opens the database, and registers the features."""

from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from koyjabo.base.cluster.base import Base, open_cluster
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.extensions import db
from koyjabo.base.core.lifetime import Lifetime
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.services import Services
from koyjabo.base.core.signals import Signals
from koyjabo.base.database import engine
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.observability import logs
from koyjabo.base.settings.schema import Settings
from koyjabo.counting import earlier_total, opening_queries
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL
from koyjabo.upkeep.recounts.recounts import Recounts
from koyjabo.web import i18n
from koyjabo.web.assets import static_files
from koyjabo.web.current import EXTENSION
from koyjabo.web.fast_path import fast_path
from koyjabo.web.http import cookies, middleware, packing, response_headers
from koyjabo.web.limits import limits
from . import features

if TYPE_CHECKING:
    from koyjabo.base.core.command_line import Creates

TAGS = ("visits", "communities", "reports", "keys", "accounts")
"""Tags of the API's calls, in the order people need them."""


def init_app(app: Flask, settings: Settings) -> None:
    """Add everything to `app` except the services (see `open_services`) and the WSGI middleware (see `wrap`)."""
    is_development = settings.environment == "development"
    app.config["TAGS"] = TAGS
    limits.init_app(app, settings)
    cookies.init_app(app, secure=not is_development)
    i18n.init_app(app)
    static_files.set_up(app, is_development)
    interfaces = list(features.interfaces())
    features.fill_registries()
    for interface in interfaces:
        if hasattr(interface, "init_app"):
            interface.init_app(app)
    packing.init_app(app)
    parts = (part for interface in interfaces for part in vars(interface).values())
    for blueprint in dict.fromkeys(part for part in parts if isinstance(part, Blueprint)):
        app.register_blueprint(blueprint)
    if is_development:
        from koyjabo.web import development

        app.register_blueprint(development.bp)


def open_services(
    app: Flask, settings: Settings, runtime: Runtime, clock: Clock, creates_admin: bool, creates: "Creates"
) -> Services:
    """Migrate the database and register the features for `app`. Raises the same errors as `opening_queries.prepare`,
    and UnusableDatabase for a database that was lost, unless it `creates` any.
    """
    if creates == "new":
        earlier_total.require_none(settings)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.engine_options(settings.database),
    )
    features.load_tables()
    db.init_app(app)
    _learn_timelines(settings)
    services = app.extensions[EXTENSION] = Services(clock, Signals(), Lifetime(runtime))
    with app.app_context():
        starting_total = settings.starting_total if creates else None
        services.add(opening_queries.prepare(settings.database, starting_total, clock))
        _register(settings, runtime, services)
        services[Recounts].repair_separated()
    with engine.translated_errors():
        # Do this before any response, because the database may have been rolled back in the meantime.
        services[Visits].stats()
        services[AccountServices].enrolment.end_sessions_without()
        if creates_admin:
            _make_first_admin(settings, services[AccountServices].credentials)
    return services


def _register(settings: Settings, runtime: Runtime, services: Services) -> None:
    """Register the features in order. What is opened first is closed last. Needs an application context."""
    cluster = open_cluster(settings, runtime, services.signals)
    base = Base(settings, services.clock, runtime, DatabaseExecutor(settings.database, runtime), cluster, services)
    services.add(settings)
    base.at_close(base.database.close)
    base.at_close(cluster.drain)
    for package in features.packages():
        package.register(base)


def _learn_timelines(settings: Settings) -> None:
    """Load the known timelines before anything is written, so that the database of an old primary is not migrated."""
    if settings.redis_url and settings.database.get_backend_name() != "sqlite":
        from koyjabo.counting.high_water_redis import learn_timelines

        learn_timelines(settings.redis_url)


def _make_first_admin(settings: Settings, accounts: Accounts) -> None:
    if settings.admin_email:
        accounts.ensure_admin(settings.admin_email, settings.admin_password)
    elif settings.environment == "development":
        password = accounts.make_up_admin()
        if password is not None:
            logs.print_to_operator(
                f"Log in to the panel as {PLACEHOLDER_EMAIL} with the password {password} (it is not shown again)",
                "first_password",
                email=PLACEHOLDER_EMAIL,
                password=password,
            )


def wrap(app: Flask, settings: Settings) -> None:
    """Wrap `app` in WSGI middleware, which Socket.IO requests also pass through. Call this last."""
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
