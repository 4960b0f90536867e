"""Read the settings and bring the database up to date, before there is a server.

In a child that goes away again: neither the parent nor the workers carry what only the start needs, Alembic above all.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from koyjabo.server.process.children import leave_signals_to_the_parent


class Preparation:
    """Under way from the beginning; `settings` are there when it is `done`, or None if they cannot be used.

    The child has then said why, in a sentence.
    """

    def __init__(self) -> None:
        self.done = False
        self.settings: dict[str, Any] | None = None
        self._written = b""
        self.pipe, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._be_the_child(theirs)
        os.close(theirs)

    def take_in(self) -> None:
        """Read what has been written; the end of the pipe is the end of the child."""
        os.set_blocking(self.pipe, False)
        with suppress(BlockingIOError):
            while part := os.read(self.pipe, 4096):
                self._written += part
            self._end()

    def give_up(self) -> None:
        """Stop it. A migration it was about is rolled back."""
        if not self.done:
            os.kill(self._pid, signal.SIGKILL)
            self._end()

    def _end(self) -> None:
        self.done = True
        os.close(self.pipe)
        os.waitpid(self._pid, 0)
        self.settings = json.loads(self._written) if self._written else None

    def _be_the_child(self, pipe: int) -> None:
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
    import logging

    import config
    from koyjabo import create_app
    from koyjabo.errors import DatabaseInUse, LedgerUnavailable, UnusableDatabase
    from koyjabo.network import geolocation
    from koyjabo.observability import logs

    try:
        settings = config.load()
        logs.configure(settings.log_level, settings.log_format)
        if not geolocation.COUNTRIES.is_file():
            logging.getLogger(__name__).warning("countries_missing try='make assets'")
        with suppress(LedgerUnavailable):  # the workers will wait for it, and say so
            create_app()
    except (config.SettingsError, UnusableDatabase, DatabaseInUse) as error:
        print(error, file=sys.stderr, flush=True)
        return b""
    wanted = {"port": settings.port, "workers": settings.web_concurrency, "log_format": settings.log_format}
    return json.dumps(wanted).encode()
