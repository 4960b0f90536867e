"""Loads everything that a worker needs, without opening descriptors or connections that forks would share, or starting
threads, and prepares the database.
"""

import gc
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pkgutil import walk_packages
from re import Pattern
from typing import TYPE_CHECKING

from .children import die_with, leave_signals_to_the_parent, refuse
from .metrics_folder import FOLDER_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from koyjabo.base.settings.schema import Settings
    from .worker import Application

log = logging.getLogger(__name__)

PACKAGES = ("koyjabo.server.http", "koyjabo.server.websockets")
"""Packages that are loaded whole, as the features are."""

WITH_REDIS = ("koyjabo.base.cluster",)
"""Packages to load if REDIS_URL is set."""

LOGIN_LINK_MS = 3_600_000
"""How long a login link is valid, ms."""


def patch() -> None:
    """Patch the standard library of this process."""
    from koyjabo.server.loop import eventlet_loop  # noqa: F401 - imports real threads before they are patched
    from . import patching

    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # saves 9 MB; see `dns`
    patching.patch()


def load(settings: "Settings") -> None:
    """Import the application, with only the backends and the driver that `settings` require."""
    with _hidden("redis", unless=bool(settings.redis_url)), _hidden("requests"):
        import flask_socketio  # noqa: F401 - python-socketio imports both if installed: 15 MB and 5 MB
    with _hidden("cryptography"):
        # PyJWT imports it if installed, for public-key algorithms: 10 MB. AUTH_PUBLIC_KEY has loaded both already.
        import jwt  # noqa: F401
    from koyjabo.application import features
    from koyjabo.base.network import crawlers, user_agents

    import_module("koyjabo.application.assembly")
    settings.database.get_dialect().import_dbapi()
    unused = _unused(settings)
    others = (*PACKAGES, *(WITH_REDIS if settings.redis_url else ()))
    for package in (*features.packages(), *map(import_module, others)):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not unused.search(module.name):
                import_module(module.name)
    user_agents.load()  # once, into memory that the workers share
    crawlers.load()


def _unused(settings: "Settings") -> Pattern[str]:
    """A pattern for the names of modules that a worker with these settings does not need."""
    is_sqlite = settings.database.get_backend_name() == "sqlite"
    names = ["\\.cli$", "postgres" if is_sqlite else "sqlite"]
    names += [] if settings.redis_url else ["redis", "message_bus", "lease_exchange", "member_mirror"]
    names += [] if settings.bridges else ["site\\.bridges"]
    return re.compile("|".join(names))


def load_settings(starts: bool = False) -> "Settings | None":
    """Patch the standard library and load the settings. If the server `starts`, also check the folder for backups.
    Returns None after printing what is wrong with them.
    """
    patch()
    import config

    try:
        settings = config.load()
        config.keep_files(settings)
        if starts:
            config.require_backup_folder(settings)
    except config.SettingsError as error:
        refuse(str(error))
        return None
    return settings


def load_application(settings: "Settings", prepares: bool = False) -> "Application | None":
    """Load the application, and create its routes. With `prepares`, also prepare the database. Returns None after
    printing what is wrong with the assets or the database.
    """
    import koyjabo
    from koyjabo.base.observability import logs

    logs.write_behind(settings.log_level, settings.log_format)
    if prepares:
        _warn_about_countries()
    load(settings)
    if prepares and not (_has_assets() and prepare(settings)):
        return None
    routed = koyjabo.make_routes(settings, {})
    gc.collect()
    # Loaded objects are permanent. A garbage collection would write to them, and so copy memory that workers share.
    gc.freeze()
    return settings, routed


@contextmanager
def _hidden(name: str, unless: bool = False) -> Iterator[None]:
    """Make the import of a package fail, as if it were not installed."""
    if unless:
        yield
        return
    hidden = {module: sys.modules.pop(module) for module in list(sys.modules) if module.partition(".")[0] == name}
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        sys.modules.update(hidden)


def _warn_about_countries() -> None:
    """Log that countries are missing, although the server can start."""
    from koyjabo.base.network import location_finder

    if not location_finder.COUNTRIES.is_file():
        log.warning("countries_missing try='make assets'")


def _has_assets() -> bool:
    """Whether pages can be shown. If not, print a sentence about it."""
    from koyjabo.web.assets import static_files

    try:
        static_files.require_all()
    except static_files.UnusableAssets as error:
        refuse(str(error))
        return False
    return True


def prepare(settings: "Settings") -> bool:
    """Migrate the database and create the first admin, unless this has been done. A child process does it, so that
    workers do not have to load Alembic. If the database cannot be used, print a sentence about it and return False.
    """
    if is_prepared(settings):
        return True
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _migrate(parent)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        refuse(
            f"The process that migrates the database was killed by signal {os.WTERMSIG(status)}, often because memory "
            "ran out. Start the server again."
        )
    return status == 0


def is_prepared(settings: "Settings") -> bool:
    """Whether the database is prepared, so that creating the application would change nothing."""
    from koyjabo.base.core.credential_rules import email_key
    from koyjabo.people.accounts import startup_queries

    makes_one_up = settings.environment == "development" and not settings.admin_email
    return startup_queries.is_prepared(_database(settings), email_key(settings.admin_email), makes_one_up)


def new_login_token(settings: "Settings") -> str | None:
    """A token that logs the first admin in once, within LOGIN_LINK_MS, and voids the tokens of earlier starts. Only in
    development. None without an admin, or if the database cannot be written.
    """
    from koyjabo.base.core.link_tokens import LOGIN_LINK, LinkTokens
    from koyjabo.people.accounts import startup_queries

    if settings.environment != "development":
        return None
    link_id, expires_ms = str(uuid.uuid4()), int(time.time() * 1000) + LOGIN_LINK_MS
    is_stored = startup_queries.replace_login_link(_database(settings), LOGIN_LINK, link_id, expires_ms)
    return LinkTokens(settings.secret_key).token(LOGIN_LINK, link_id) if is_stored else None


def _database(settings: "Settings") -> "Path | str":
    """The SQLite file, or the libpq URL for PostgreSQL."""
    from koyjabo.base.settings import database_url

    return database_url.file_of(settings.database_url) or database_url.for_libpq(settings.database_url)


def _migrate(parent: int) -> None:
    """Create the application, which migrates the database and creates the first admin. Then exit."""
    from koyjabo import create_app
    from koyjabo.base.core.errors import DatabaseInUse, LedgerUnavailable, Unusable, UnusableDatabase
    from koyjabo.server.loop import eventlet_loop

    status = 1
    try:
        leave_signals_to_the_parent()
        die_with(parent)  # the database rolls back an unfinished migration
        os.environ.pop(FOLDER_VARIABLE, None)  # this process counts nothing, and leaves nothing in the workers' folder
        eventlet_loop.use_own_hub()
        with suppress(LedgerUnavailable):  # the workers will wait for the database and log that
            create_app(runtime=eventlet_loop.EventletRuntime())
        status = 0
    except (Unusable, UnusableDatabase, DatabaseInUse) as error:
        refuse(str(error))
    except BaseException:
        log.exception("start_failed")
    finally:
        logging.shutdown()
        os._exit(status)
