"""Loads everything that a worker needs, without opening descriptors or connections that forks would share, or starting
threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.settings.schema import Settings

PACKAGES = ("koyjabo.web", "koyjabo.sockets", "koyjabo.server.http", "koyjabo.server.websockets", "koyjabo.site.badges")
"""Packages whose modules are all loaded, because some would otherwise be imported late."""


IN_REDIS = (
    "koyjabo.base.cluster.redis_bus",
    "koyjabo.base.cluster.redis_client",
    "koyjabo.base.cluster.workers_redis",
    "koyjabo.communities.live.dashboard_leader_redis",
    "koyjabo.counting.high_water_redis",
    "koyjabo.presence.members.redis_store",
    "koyjabo.presence.visitors.redis_store",
    "koyjabo.presence.visitors.visitor_sockets_redis",
    "koyjabo.realtime.message_bus",
)
"""Modules to load if REDIS_URL is set."""


def patch() -> None:
    """Patch the standard library of this process."""
    from koyjabo.server.loop import eventlet_loop  # noqa: F401 - imports real threads before they are patched
    from koyjabo.server.process import patching

    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # saves 9 MB; see `dns`
    with _hidden("OpenSSL"):  # if installed, eventlet imports it for its connection errors: 11 MB
        patching.patch()


def load(settings: Settings) -> None:
    """Import the application, with only the backends and the driver that `settings` require."""
    with _hidden("redis", unless=bool(settings.redis_url)), _hidden("requests"):
        import flask_socketio  # noqa: F401 - python-socketio imports both if installed: 15 MB and 5 MB
    with _hidden("cryptography", unless=bool(settings.auth_jwks_url or settings.oidc_providers)):
        import jwt  # noqa: F401 - PyJWT imports it if installed, for public-key algorithms: 10 MB
    from koyjabo.application import entry_points
    from koyjabo.base.network import user_agents

    import_module("koyjabo.application.opening")
    if settings.redis_url:
        for name in IN_REDIS:
            import_module(name)
    kind = "sqlite" if settings.database.get_backend_name() == "sqlite" else "postgres"
    import_module(f"koyjabo.counting.ledger_{kind}")
    import_module(f"koyjabo.reports.events.events_{kind}")
    settings.database.get_dialect().import_dbapi()
    entry_points.load()
    for package in map(import_module, PACKAGES):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    user_agents.load()  # once, into memory that the workers share


@contextmanager
def _hidden(name: str, unless: bool = False) -> Iterator[None]:
    """Make the import of a package fail, as if it were not installed."""
    if unless:
        yield
        return
    known = {module: sys.modules.pop(module) for module in list(sys.modules) if module.partition(".")[0] == name}
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        sys.modules.update(known)
