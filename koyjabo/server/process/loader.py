"""The loader: a process that loads the application once. It becomes the only worker, or forks all workers, which then
share its memory.

A worker's parent is the parent process and not the loader, so the end of the loader is no worker's end: the loader
forks a process that forks the worker and exits, and the parent process adopts orphans. Each worker has an event loop,
connections and threads of its own, because the loader has none.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from socket import socket as real_socket  # with the next, as they are before the standard library is patched
from time import sleep as real_sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from koyjabo.server.process.children import DRAIN_S, LOADER_NAME, leave_signals_to_the_parent, take_name
from koyjabo.server.process.metrics_folder import keep_if_there
from koyjabo.server.process.parent_log import ParentLog, say

if TYPE_CHECKING:
    from koyjabo.settings.schema import Settings

MESSAGE_SIZE = 4096
ORDER_FILES = 2
"""The listening socket, and the pipe that says that a worker is ready."""


class Forked(NamedTuple):
    place: int
    pid: int  # or 0, if no process could be forked
    cause: str  # of that


class Loader:
    """A loader, as its parent sees it. When it has loaded, `settings` is set.

    When `is_done`, it has ended, and so have the processes that report workers for it. Without `settings`, the settings
    or the database are unusable, and a sentence about it was printed. `status` is that of its end, set by the parent.
    """

    def __init__(self, prepares: bool, forks: bool, of_parent: list[int]) -> None:
        """`prepares`: whether it migrates the database and then reports `settings`. `forks`: whether it is known that
        it will fork workers. `of_parent` are descriptors that it must not share with the parent. Raises OSError if no
        process can be forked.
        """
        self.settings: dict[str, Any] | None = None
        self.is_done = False
        self.status: int | None = None
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        with theirs:
            try:
                self.pid = os.fork()
            except OSError:
                self._channel.close()
                raise
            if self.pid == 0:
                for descriptor in (self._channel.detach(), *of_parent):
                    os.close(descriptor)
                _Loading(theirs, parent).run(prepares, forks)
        self._channel.setblocking(False)

    def fileno(self) -> int:
        return self._channel.fileno()

    def receive(self) -> list[Forked]:
        """Read what the loader has reported: `settings`, and the workers that it has forked since the last call."""
        forked: list[Forked] = []
        while message := self._message():
            if "place" in message:
                forked.append(Forked(**message))
            else:
                self.settings = message
        return forked

    def _message(self) -> dict[str, Any] | None:
        """The next message; None if there is none."""
        with suppress(BlockingIOError, ConnectionError):  # the second if it has not read all orders
            data = self._channel.recv(MESSAGE_SIZE)
            self.is_done = not data
            return json.loads(data) if data else None
        return None

    def order(self, place: int, listener: socket.socket, ready: int, forks: bool) -> None:
        """Let it fork the worker with this place, or become that worker. The end of the loader cancels its orders."""
        order = json.dumps({"place": place, "forks": forks}).encode()
        with suppress(OSError):
            socket.send_fds(self._channel, [order], [listener.fileno(), ready])

    def close(self) -> None:
        """Leave the process alone: it has ended, or becomes a worker."""
        self._channel.close()

    def kill(self) -> None:
        self.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class _Loading:
    """The loader itself."""

    def __init__(self, channel: socket.socket, parent: int) -> None:
        self._channel = channel
        self._parent = parent
        self._name = ""

    def run(self, prepares: bool, forks: bool) -> None:
        status = 1
        try:
            if forks:
                self._take_name()
            leave_signals_to_the_parent()
            settings = self._load(prepares)
            if settings is not None:
                status = self._follow(settings)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _load(self, prepares: bool) -> Settings | None:
        """None if the settings or the database cannot be used, which was printed."""
        from koyjabo.server.process import loading, preparation

        loading.patch()
        import config
        from koyjabo.observability import logs

        try:
            settings = config.load()
        except config.SettingsError as error:
            say(str(error), sys.stderr)
            return None
        logs.configure(settings.log_level, settings.log_format)
        if prepares:
            _warn_of_missing_countries()
        loading.load(settings)
        if prepares and not preparation.prepare(settings):
            return None
        gc.collect()
        gc.freeze()  # what is loaded stays: a collection would write to it, and so copy the memory that workers share
        if prepares:
            wanted = {"port": settings.port, "workers": settings.web_concurrency, "log_format": settings.log_format}
            self._channel.send(json.dumps(wanted).encode())
        return settings

    def _follow(self, settings: Settings) -> int:
        """Follow orders until the parent is gone. Returns the exit status."""
        while True:
            data, files, _, _ = socket.recv_fds(self._channel, MESSAGE_SIZE, ORDER_FILES)
            if not data:
                return 0
            order = json.loads(data)
            if not order["forks"]:
                return self._become_worker(order["place"], files, settings)
            self._take_name()
            self._fork(order["place"], files, settings)
            for file in files:
                os.close(file)

    def _fork(self, place: int, files: list[int], settings: Settings) -> None:
        """Fork a process that forks the worker, reports it and leaves it to the parent process."""
        try:
            middle = os.fork()
        except OSError as error:  # no memory, or too many processes
            self._report(place, 0, str(error.strerror))
            return
        if middle:
            os.waitpid(middle, 0)
            return
        status, middle = 1, os.getpid()
        try:
            pid = os.fork()
            if pid:
                self._report(place, pid)
            else:
                while os.getppid() == middle:
                    real_sleep(0.001)
                status = self._become_worker(place, files, settings)
        except OSError as error:
            self._report(place, 0, str(error.strerror))
        finally:
            os._exit(status)

    def _take_name(self) -> None:
        self._name = self._name or take_name(LOADER_NAME)

    def _report(self, place: int, pid: int, cause: str = "") -> None:
        self._channel.send(json.dumps(Forked(place, pid, cause)._asdict()).encode())

    def _become_worker(self, place: int, files: list[int], settings: Settings) -> int:
        """Returns the exit status."""
        self._channel.close()
        listener, ready = files
        try:
            if self._name:
                take_name(self._name)
            os.environ["KOYJABO_WORKER"] = str(place)
            keep_if_there()
            from koyjabo.server.process.worker import work

            return work(real_socket(fileno=listener), self._parent, ready, DRAIN_S, settings)
        except BaseException:
            import traceback

            ParentLog(settings.log_format).error("worker_failed", traceback.format_exc())
            return 1
        finally:
            with suppress(OSError):
                sys.stderr.flush()


def _warn_of_missing_countries() -> None:
    import logging

    from koyjabo.network import geolocation

    if not geolocation.COUNTRIES.is_file():
        logging.getLogger(__name__).warning("countries_missing try='make assets'")
