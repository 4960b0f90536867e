"""Koy Jabo Live: exact visitor counts and community presence, in real time.

Nothing is imported here at module level, because `koyjabo.server` patches the standard library in a worker before the
rest of the package is loaded.
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
    """Create the application, and migrate its database.

    `settings` override the environment. `runtime` runs tasks and waits (default: real threads), and `clock` is the
    source of time. Raises config.SettingsError for an unusable setting, errors.LedgerUnavailable if the database cannot
    be reached, errors.UnusableDatabase if it is not a usable database.
    """
    from flask import Flask

    import config
    from koyjabo import sockets, web
    from koyjabo.application import opening
    from koyjabo.clock import Clock
    from koyjabo.runtime import ThreadRuntime

    chosen, runtime = config.load(settings), runtime or ThreadRuntime()
    config.protect_instance()
    app = Flask(__name__, instance_path=str(config.INSTANCE), static_folder=None)
    app.config.update({name: value for name, value in (settings or {}).items() if name.isupper()})
    services = opening.open_services(app, chosen, runtime, clock or Clock(chosen.zone))
    web.init_app(app, chosen)
    sockets.init_app(app, runtime, services.realtime.fanout, chosen.web_concurrency)
    web.wrap(app, chosen)
    return app
