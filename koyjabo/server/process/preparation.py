"""Reads the settings and migrates the database before the server starts.

A short-lived child process does it, so that neither the parent nor the workers import modules that only the start
needs, above all Alembic.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from koyjabo.server.process.children import leave_signals_to_the_parent

if TYPE_CHECKING:
    from koyjabo.settings.schema import Settings


class Preparation:
    """The running preparation. When it is `done`, `settings` is set, or None if the settings or the database are
    unusable; the child has then printed the reason as a sentence.
    """

    def __init__(self) -> None:
        self.done = False
        self.settings: dict[str, Any] | None = None
        self._received = b""
        self.pipe, child_pipe = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._run_child(child_pipe)
        os.close(child_pipe)

    def receive(self) -> None:
        """Read the data that the child has written. The end of the pipe means that the child has finished."""
        os.set_blocking(self.pipe, False)
        with suppress(BlockingIOError):
            while part := os.read(self.pipe, 4096):
                self._received += part
            self._finish()

    def cancel(self) -> None:
        """Kill the child. The database rolls back an unfinished migration."""
        if not self.done:
            os.kill(self._pid, signal.SIGKILL)
            self._finish()

    def _finish(self) -> None:
        self.done = True
        os.close(self.pipe)
        os.waitpid(self._pid, 0)
        self.settings = json.loads(self._received) if self._received else None

    def _run_child(self, pipe: int) -> None:
        try:
            leave_signals_to_the_parent()
            os.write(pipe, _prepare())
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(0)


def _prepare() -> bytes:
    """The settings the parent needs, in JSON; nothing if they or the database cannot be used."""
    import config
    from koyjabo.errors import DatabaseInUse, UnusableDatabase
    from koyjabo.network import geolocation

    try:
        settings = config.load()
        if not geolocation.COUNTRIES.is_file():
            _warn_of_missing_countries(settings)
        if not _is_prepared(settings):
            _make_the_application(settings)
    except (config.SettingsError, UnusableDatabase, DatabaseInUse) as error:
        print(error, file=sys.stderr, flush=True)
        return b""
    wanted = {"port": settings.port, "workers": settings.web_concurrency, "log_format": settings.log_format}
    return json.dumps(wanted).encode()


def _warn_of_missing_countries(settings: Settings) -> None:
    import logging

    from koyjabo.observability import logs

    logs.configure(settings.log_level, settings.log_format)
    logging.getLogger(__name__).warning("countries_missing try='make assets'")


def _is_prepared(settings: Settings) -> bool:
    """Whether the application would change nothing: loading it takes as long as loading a worker."""
    from koyjabo.accounts.credential_rules import email_key
    from koyjabo.database import startup_queries
    from koyjabo.settings import database_url

    where = database_url.file_of(settings.database_url) or database_url.for_libpq(settings.database_url)
    makes_one_up = settings.environment == "development" and not settings.admin_email
    return startup_queries.is_prepared(where, email_key(settings.admin_email), makes_one_up)


def _make_the_application(settings: Settings) -> None:
    """Which migrates the database and makes the first admin. Raises UnusableDatabase, DatabaseInUse."""
    from koyjabo import create_app
    from koyjabo.errors import LedgerUnavailable
    from koyjabo.observability import logs

    logs.configure(settings.log_level, settings.log_format)
    with suppress(LedgerUnavailable):  # the workers will wait for it, and say so
        create_app()
