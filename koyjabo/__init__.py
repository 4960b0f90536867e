"""Koy Jabo Live: exact visitor counts and community presence, in real time.

Nothing is imported at module level, because `koyjabo.server` patches the standard library in a worker before it loads
the rest of the package.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.base.core.clock import Clock
    from koyjabo.base.core.command_line import Creates
    from koyjabo.base.core.runtime import Runtime
    from koyjabo.base.settings.schema import Settings


def create_app(
    settings: Mapping[str, Any] | None = None,
    *,
    runtime: "Runtime | None" = None,
    clock: "Clock | None" = None,
    app: "Flask | None" = None,
    creates_admin: bool = True,
    creates: "Creates" = "new",
) -> "Flask":
    """Create the application, and migrate its database.

    `settings` override the environment. `runtime` runs tasks and waits (default: real threads), and `clock` is the
    source of time. `app` may come from `make_routes` with the same settings. `creates_admin` says whether to create the
    first admin, and `creates` which missing databases to begin.

    Raises config.SettingsError for an unusable setting, errors.LedgerUnavailable if the database cannot be reached, and
    errors.UnusableDatabase if it is unusable.
    """
    import config
    from koyjabo.base.core.clock import Clock
    from koyjabo.base.core.runtime import ThreadRuntime
    from .application import assembly

    chosen, runtime = config.load(settings), runtime or ThreadRuntime()
    config.protect_instance()
    app = app or make_routes(chosen, settings or {})
    assembly.open_services(app, chosen, runtime, clock or Clock(chosen.zone), creates_admin, creates)
    assembly.wrap(app, chosen)
    return app


def make_routes(settings: "Settings", more: Mapping[str, Any]) -> "Flask":
    """Create the part of the application that needs neither the database nor anything from a worker, so that processes
    forked afterwards share it. `more` are Flask configuration values.
    """
    from flask import Flask

    import config
    from .application import assembly

    app = Flask(__name__, instance_path=str(config.INSTANCE), static_folder=None)
    app.config.update({name: value for name, value in more.items() if name.isupper()})
    app.config.update(SECRET_KEY=settings.secret_key, METRICS_TOKEN=settings.metrics_token)
    assembly.init_app(app, settings)
    return app
