"""The socket that the server listens on: its own, or one that the service manager keeps open across restarts."""

import errno
import os
import socket
from socket import socket as real_socket  # imported before the standard library is patched
from typing import NamedTuple

BACKLOG = 4096
FIRST_PASSED_DESCRIPTOR = 3
"""The first file descriptor that a service manager passes (sd_listen_fds(3))."""

PASSED_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
LOCALHOST_ADDRESSES = {"0.0.0.0", "::", "127.0.0.1", "::1"}
"""Addresses that `localhost` connects to."""


class UnusableSocket(Exception):
    """The server cannot listen. The message is a sentence that says what to do."""


class ListeningSocket(NamedTuple):
    """A listening socket. If `is_passed` is set, another process keeps it open, and connections that are not accepted
    wait for the next server.
    """

    socket: socket.socket
    is_passed: bool

    def listen(self) -> None:
        """Accept connections. Raises UnusableSocket."""
        try:
            self.socket.listen(BACKLOG)  # repeated for a passed socket, which may have a shorter queue
        except OSError as error:
            host, port = self.socket.getsockname()[:2]
            raise _unusable(host, port, error) from None

    @property
    def url(self) -> str:
        """The server's URL for a browser on this machine."""
        host, port = self.socket.getsockname()[:2]
        if host in LOCALHOST_ADDRESSES:
            return f"http://localhost:{port}"
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def passed() -> ListeningSocket | None:
    """The socket that the service manager has passed to this process, or None. Removes the manager's variables from the
    environment, so that child processes do not inherit them. Raises UnusableSocket.
    """
    pid, count, _ = (os.environ.pop(name, "") for name in PASSED_VARIABLES)
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    if count != "1":
        raise UnusableSocket(
            f"LISTEN_FDS is {count!r}, but the server uses one socket. Keep one ListenStream= in its socket unit."
        )
    try:
        sock = real_socket(fileno=FIRST_PASSED_DESCRIPTOR)
        if not _accepts_tcp(sock):
            raise OSError
    except OSError:
        raise UnusableSocket(
            f"Descriptor {FIRST_PASSED_DESCRIPTOR} is not a listening TCP socket: the socket unit needs Accept=no, and "
            "ListenStream= with a port or with an address and a port."
        ) from None
    sock.set_inheritable(False)
    return ListeningSocket(_prepared(sock), is_passed=True)


def of(descriptor: int, is_passed: bool) -> ListeningSocket:
    return ListeningSocket(real_socket(fileno=descriptor), is_passed)


def bind(host: str, port: int) -> ListeningSocket:
    """Take a port of an IP address; `::` includes IPv4. Connections are refused until `listen` is called. Raises
    UnusableSocket.
    """
    try:
        sock = real_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        raise _unusable(host, port, error) from None
    return ListeningSocket(_prepared(sock), is_passed=False)


def _accepts_tcp(sock: socket.socket) -> bool:
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM
    return is_tcp and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _prepared(sock: socket.socket) -> socket.socket:
    # Connections inherit this option. Without it, a page sent in several segments would wait 40 ms for an
    # acknowledgement (RFC 896, 1122).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _unusable(host: str, port: int, error: OSError) -> UnusableSocket:
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return UnusableSocket(f"HOST {host} cannot be used: {error.strerror}. Set HOST to an address of this machine.")
    return UnusableSocket(f"PORT {port} cannot be used: {error.strerror}. Set PORT to another port.")
