"""Opens an application: migrates its database, builds its services, and creates the first admin."""

from __future__ import annotations

from flask import Flask

from koyjabo.application.assembly import assemble
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.extensions import db
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.services import Services
from koyjabo.base.database import engine
from koyjabo.base.observability import logs
from koyjabo.base.settings.schema import Settings
from koyjabo.counting import opening_queries
from koyjabo.counting.services import CountingServices
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.accounts import MADE_UP_ADMIN, Accounts
from koyjabo.web.current import EXTENSION


def open_services(app: Flask, settings: Settings, runtime: Runtime, clock: Clock, creates_admin: bool) -> Services:
    """Migrate the database and build the services for `app`. Raises the same errors as `opening_queries.prepare`."""
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.engine_options(settings.database),
    )
    db.init_app(app)
    _learn_timelines(settings)
    with app.app_context():
        snapshot = opening_queries.prepare(settings.database, settings.starting_total, clock)
        app.extensions[EXTENSION] = services = assemble(settings, runtime, clock, snapshot)
    with engine.translated_errors():
        # Do this before any response, because the database may have been rolled back in the meantime.
        services[CountingServices].visits.stats()
        services[AccountServices].second_factors.end_sessions_without()
        services[WebhookServices].sealer.seal_urls()
        if creates_admin:
            _make_first_admin(settings, services[AccountServices].credentials)
    return services


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
                f"Log in to the panel as {MADE_UP_ADMIN} with the password {password} (it is not shown again)"
            )
