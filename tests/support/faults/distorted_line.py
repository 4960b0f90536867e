"""A line to a server on this machine that a test distorts, and a name server that it distorts."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from support.programs.ports import free_port

DELAY_S = 0.1
"""How late each part of a slow line arrives."""

Reply = Callable[[socket.socket], None]


class DistortedLine:
    """Forwards connections to `target`, a port or a socket's path. With `tls`, it is the server of TLS itself, which
    PostgreSQL's clients ask for with a message (`is_asked`).

    `distort` ends all connections, and decides what new ones get until `mend`: one of "refuses", "closes", "silent",
    "slow", "wrong protocol" (HTTP) and "wrong certificate", or what a function replies.
    """

    def __init__(self, target: int | Path, tls: ssl.SSLContext | None = None, is_asked: bool = False) -> None:
        self.port, self.target, self.tls, self.is_asked = free_port(), target, tls, is_asked
        self.host = "127.0.0.1"
        self.wrong_tls: ssl.SSLContext | None = None
        self.renamed = b"", b""
        """Bytes of the first part that a client sends, and what is sent instead: the name of another database."""
        self._how: str | Reply = ""
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.distort("refuses")

    def distort(self, how: str | Reply) -> None:
        self._how = how
        if how == "refuses" and self._listener:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._listener = None
        self.cut()

    def mend(self) -> None:
        self._how = ""
        self.cut()
        if not self._listener:
            self._listen()

    def cut(self) -> None:
        """End all connections."""
        for line in list(self._sockets):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        self._listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        self._sockets.add(line)
        with suppress(OSError, ValueError), line:
            how = self._how
            if how == "closes":
                return
            if how == "wrong protocol":
                line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            elif callable(how):
                how(line)
            elif how != "silent":
                self._forward(self._with_tls(line, how), how)
                return
            while line.recv(65536):
                pass
        self._sockets.discard(line)

    def _with_tls(self, line: socket.socket, how: str) -> socket.socket:
        context = self.wrong_tls if how == "wrong certificate" else self.tls
        if context is None:
            return line
        if self.is_asked:
            line.recv(8)
            line.sendall(b"S")
        wrapped = context.wrap_socket(line, server_side=True)
        self._sockets.add(wrapped)
        return wrapped

    def _forward(self, line: socket.socket, how: str) -> None:
        is_port = isinstance(self.target, int)
        with line, socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as server:
            server.connect(("127.0.0.1", self.target) if is_port else str(self.target))
            self._sockets.add(server)
            threading.Thread(target=_copy, args=(server, line, how, (b"", b"")), daemon=True).start()
            _copy(line, server, how, self.renamed)
        self._sockets -= {line, server}


def _copy(source: socket.socket, target: socket.socket, how: str, renamed: tuple[bytes, bytes]) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(65536):
            if how == "slow":
                time.sleep(DELAY_S)
            target.sendall(data.replace(*renamed) if renamed[0] else data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


RCODES = {"full": 2, "refuses": 3}  # SERVFAIL, NXDOMAIN


class NameServer:
    """Resolves every name to `address`, for programs that begin with `preamble`."""

    def __init__(self, folder: Path) -> None:
        self.address, self.how = "127.0.0.1", ""
        self._own = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(2, 255)}"
        self._file = folder / "resolv.conf"
        self._file.write_text(f"nameserver {self._own}\noptions timeout:1 attempts:1\n")
        self._socket: socket.socket | None = None
        self.mend()

    @property
    def preamble(self) -> str:
        """Python that makes this the only name server of a process and its children. It needs root."""
        return f"""
import ctypes
libc = ctypes.CDLL(None)
assert libc.unshare(0x20000) == 0, "a mount namespace of its own"
assert libc.mount(None, b"/", None, 0x44000, None) == 0, "private"
assert libc.mount({bytes(self._file)!r}, b"/etc/resolv.conf", None, 4096, None) == 0
"""

    def distort(self, how: str) -> None:
        self.how = how
        if how in ("closes", "gone and back"):
            self.close()

    def mend(self) -> None:
        self.how = ""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((self._own, 53))
            threading.Thread(target=self._serve, args=(self._socket,), daemon=True).start()

    def close(self) -> None:
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError):
            while True:
                question, client = line.recvfrom(512)
                if not question or self.how == "silent":
                    continue
                if self.how == "slow":
                    time.sleep(DELAY_S)
                line.sendto(b"HTTP/1.1 400" if self.how == "wrong protocol" else self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        """RFC 1035, 4.1. Names have no address of IPv6."""
        end = question.index(b"\0", 12) + 5
        rcode, is_found = RCODES.get(self.how, 0), question[end - 4 : end - 2] == b"\0\1" and self.how not in RCODES
        head = question[:2] + bytes([0x81, 0x80 | rcode, 0, 1, 0, is_found, 0, 0, 0, 0])
        record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(self.address)
        return head + question[12:end] + (record if is_found else b"")
