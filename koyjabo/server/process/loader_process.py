"""The loader process, which also prepares the database before the server starts.

To outlive the loader, a worker must be a child of the parent process. So the loader forks a process that forks the
worker and exits, and the parent process adopts the worker. Each worker has its own event loop, connections and threads,
because the loader has none.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from contextlib import suppress
from socket import socket as real_socket  # imported here, with the next line, before the standard library is patched
from time import sleep as real_sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from koyjabo.server.process.children import DRAIN_S, LOADER_NAME, die_with, leave_signals_to_the_parent, take_name
from koyjabo.server.process.listening_socket import ListeningSocket
from koyjabo.server.process.metrics_folder import VARIABLE, keep_if_there
from koyjabo.server.process.parent_log import ParentLog, how_killed, say
from koyjabo.server.process.worker_pipe import report

if TYPE_CHECKING:
    from koyjabo.base.settings.schema import Settings

SETTINGS_SIZE = 4096
"""Maximum size of the settings, in bytes. The loader sends them in one message."""

ORDER_SIZE = 256
"""Length of an order, bytes. It is padded with spaces, because the channel is a byte stream (macOS has no
SOCK_SEQPACKET).
"""

ORDER_FILES = 2
"""Number of descriptors in an order: the listening socket, and the write end of the worker's pipe."""

ADOPTION_INTERVAL_S = 0.001


class Order(NamedTuple):
    """An order for a worker at `place`. `listener` and `writer` are descriptors; `is_passed` describes the listener."""

    place: int
    forks: bool
    is_passed: bool
    listener: int
    writer: int


class LoaderProcess:
    """Follows the orders that the process `parent` sends on `channel`."""

    def __init__(self, channel: socket.socket, parent: int, log_format: str) -> None:
        self._channel = channel
        self._parent = parent
        self._log = ParentLog(log_format)

    def run(self, prepares: bool) -> None:
        """Load, follow orders, then exit. `prepares` is as in `Loader`."""
        status = 1
        try:
            self._name = take_name(LOADER_NAME)
            leave_signals_to_the_parent()
            settings = self._load(prepares)
            if settings is not None:
                status = self._follow(settings)
        except BaseException:
            self._log.exception("loader_failed")
        finally:
            os._exit(status)

    def _load(self, prepares: bool) -> Settings | None:
        """Load the application. Returns None after printing what is wrong with the settings or the database."""
        from koyjabo.server.process import loading

        loading.patch()
        import config
        import koyjabo
        from koyjabo.base.observability import logs

        try:
            settings = config.load()
            config.keep_file()
            if prepares:
                config.require_backup_stores(settings)
        except config.SettingsError as error:
            say(str(error), sys.stderr)
            return None
        self._log = ParentLog(settings.log_format)
        logs.configure(settings.log_level, settings.log_format)
        if prepares:
            _warn(config.removed_settings())
        loading.load(settings)
        if prepares and not prepare(settings):
            return None
        self._routed = koyjabo.make_routes(settings, {})
        gc.collect()
        # Loaded objects are permanent. A garbage collection would write to them, and so copy memory that workers share.
        gc.freeze()
        if prepares:
            self._report(settings)
        return settings

    def _report(self, settings: Settings) -> None:
        needed: dict[str, Any] = {"host": settings.host, "port": settings.port}
        needed |= {"workers": settings.web_concurrency, "log_format": settings.log_format}
        needed |= {"is_development": settings.environment == "development"}
        with suppress(ConnectionError):  # the parent has ended
            self._channel.send(json.dumps(needed).encode())

    def _follow(self, settings: Settings) -> int:
        """Follow orders until the parent has ended. Returns the exit status."""
        while order := self._order():
            if not order.forks:
                return self._become_worker(order, settings)
            self._fork(order, settings)
            os.close(order.listener)
            os.close(order.writer)
        return 0

    def _order(self) -> Order | None:
        try:
            data, files, _, _ = socket.recv_fds(self._channel, ORDER_SIZE, ORDER_FILES)
        except ConnectionError:
            return None
        return Order(**json.loads(data), listener=files[0], writer=files[1]) if data else None

    def _fork(self, order: Order, settings: Settings) -> None:
        """Fork a process that forks the worker and leaves it to the parent process."""
        try:
            middle = os.fork()
            if middle:
                os.waitpid(middle, 0)
                return
        except OSError as error:  # no memory, or too many processes
            _report_failure(order.writer, error)
            return
        self._fork_orphan(order, settings)

    def _fork_orphan(self, order: Order, settings: Settings) -> None:
        status, middle = 1, os.getpid()
        try:
            if os.fork() == 0:
                while os.getppid() == middle:
                    real_sleep(ADOPTION_INTERVAL_S)
                status = self._become_worker(order, settings)
        except OSError as error:
            _report_failure(order.writer, error)
        finally:
            os._exit(status)

    def _become_worker(self, order: Order, settings: Settings) -> int:
        """Become the ordered worker. Returns the exit status."""
        self._channel.close()
        take_name(self._name)
        try:
            report(order.writer, pid=os.getpid())
        except BrokenPipeError:  # the parent has ended, or no longer waits for this worker
            return 0
        try:
            os.environ["KOYJABO_WORKER"] = str(order.place)
            keep_if_there()
            from koyjabo.server.process.worker import work

            listener = ListeningSocket(real_socket(fileno=order.listener), order.is_passed)
            return work(listener, self._parent, order.writer, DRAIN_S, settings, self._routed)
        except BaseException:
            self._log.exception("worker_failed")
            return 1
        finally:
            with suppress(OSError):
                sys.stderr.flush()


def _report_failure(writer: int, error: OSError) -> None:
    with suppress(BrokenPipeError):
        report(writer, cause=error.strerror)


def _warn(removed_settings: list[str]) -> None:
    """Log what the operator should change, although the server can start."""
    import logging

    from koyjabo.base.network import geolocation

    log = logging.getLogger(__name__)
    if removed_settings:
        log.warning("removed_settings names=%s", ",".join(removed_settings))
    if not geolocation.COUNTRIES.is_file():
        log.warning("countries_missing try='make assets'")


def prepare(settings: Settings) -> bool:
    """Migrate the database and create the first admin, unless this has been done. A child process does it, so that
    workers do not have to load Alembic. If the database cannot be used, print a sentence about it and return False.
    """
    if is_prepared(settings):
        return True
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_child(parent, settings.log_format)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        say(f"The process that migrates the database {how_killed(status)}. Start the server again.", sys.stderr)
    return status == 0


def is_prepared(settings: Settings) -> bool:
    """Whether the database is prepared, so that creating the application would change nothing."""
    from koyjabo.base.core.credential_rules import email_key
    from koyjabo.base.database import startup_queries
    from koyjabo.base.settings import database_url

    where = database_url.file_of(settings.database_url) or database_url.for_libpq(settings.database_url)
    makes_one_up = settings.environment == "development" and not settings.admin_email
    return startup_queries.is_prepared(where, email_key(settings.admin_email), makes_one_up)


def _run_child(parent: int, log_format: str) -> None:
    status = 1
    try:
        die_with(parent)  # the database rolls back an unfinished migration
        status = 0 if _make_the_application() else 1
    except BaseException:
        ParentLog(log_format).exception("loader_failed")
    finally:
        os._exit(status)


def _make_the_application() -> bool:
    """Create the application, which migrates the database and creates the first admin."""
    from koyjabo import create_app
    from koyjabo.base.core.errors import DatabaseInUse, LedgerUnavailable, UnusableDatabase
    from koyjabo.server.loop import eventlet_loop

    os.environ.pop(VARIABLE, None)  # this process counts nothing, and leaves nothing in the workers' folder
    eventlet_loop.use_own_hub()
    try:
        with suppress(LedgerUnavailable):  # the workers will wait for the database and log that
            create_app(runtime=eventlet_loop.EventletRuntime())
    except (UnusableDatabase, DatabaseInUse) as error:
        say(str(error), sys.stderr)
        return False
    return True
