"""Koy Jabo Live: visitor counts, exact and at once.

Nothing is imported here at module level: `koyjabo.server` changes the standard library in a worker before anything
else of the package is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.clock import Clock
    from koyjabo.runtime import Runtime


def create_app(
    settings: Mapping[str, Any] | None = None, *, runtime: Runtime | None = None, clock: Clock | None = None
) -> Flask:
    """Make the application.

    `settings` override the environment. The database is migrated. `runtime` is where requests wait (real threads, if
    not said otherwise) and `clock` the source of time. Raises config.SettingsError for a setting that cannot be used,
    errors.LedgerUnavailable when the database cannot be reached, errors.UnusableDatabase when it is none.
    """
    from flask import Flask

    import config
    from koyjabo import sockets, web
    from koyjabo.application import opening
    from koyjabo.clock import Clock
    from koyjabo.runtime import ThreadRuntime

    chosen, runtime = config.load(settings), runtime or ThreadRuntime()
    app = Flask(__name__, instance_path=str(config.INSTANCE), static_folder=None)
    app.config.update({name: value for name, value in (settings or {}).items() if name.isupper()})
    services = opening.open_services(app, chosen, runtime, clock or Clock(chosen.zone))
    web.init_app(app, chosen)
    sockets.init_app(app, runtime, services.realtime.fanout, chosen.web_concurrency)
    web.wrap(app, chosen)
    return app
