"""Calls other servers from tasks and requests. Each exchange runs on a real thread while the caller waits."""

import re
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from koyjabo.base.core.runtime import Runtime
from .messages import (
    Destinations,
    FailureKind,
    Network,
    OutboundError,
    OutboundResponse,
    Request,
    Target,
    parse,
    refused,
)
from .threads import Threads
from .unpatched import unpatched

Resolve = Callable[[str, int], list[str]]
"""A function that resolves a name and a port to addresses. Raises OSError or UnicodeError if there are none."""


# `ipaddress.is_global` is not enough, because it considers NAT64 and multicast addresses global. This list is based on
# the IANA registries of special-purpose addresses (RFC 6890).
KINDS = {
    "loopback": "127.0.0.0/8 ::1/128",
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
    "link-local": "169.254.0.0/16 fe80::/10",  # includes 169.254.169.254, the cloud metadata service
    "shared by a provider's customers": "100.64.0.0/10",
    "not the address of a host": "0.0.0.0/8 ::/128 240.0.0.0/4",  # includes 255.255.255.255
    "multicast": "224.0.0.0/4 ff00::/8",
    "IPv4 in IPv6": "::ffff:0:0/96 ::ffff:0:0:0/96 ::/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32",
    "reserved": "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 2001::/23 "
    "2001:db8::/32 3fff::/20",
}
REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), kind) for kind, networks in KINDS.items() for network in networks.split()
)
GLOBAL = {4: ip_network("0.0.0.0/0"), 6: ip_network("2000::/3")}
"""Ranges of global addresses."""

ANY_PORT = 9


def check_addresses(host: str, addresses: list[str], destinations: Destinations) -> None:
    """Check all addresses of `host`. Raises OutboundError (REFUSED) if one of them is not allowed. Runs on a real
    thread.
    """
    if destinations.any_address:
        return
    for address in addresses:
        kind = kind_of(address, destinations.allowed)
        if kind is not None:
            raise refused(
                f"{address} is {kind}" if address == host else f"{host} resolves to {address}, which is {kind}"
            )


def is_address(host: str) -> bool:
    """Whether a host is an IP address and therefore needs no lookup."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def kind_of(text: str, allowed: tuple[Network, ...] = ()) -> str | None:
    """Why an address is refused; None if it is global or in an allowed network."""
    try:
        address = ip_address(text)
    except ValueError:
        return "not an address"
    if any(address in network for network in allowed):
        return None
    for network, kind in REFUSED:
        if address in network:
            return kind
    if address not in GLOBAL[address.version]:
        return "reserved"
    return "an address of this machine" if _is_own(address) else None


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address belongs to this machine: only then would the system also use it as the source address. Sends
    nothing.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.connect((str(address), ANY_PORT))
            return bool(probe.getsockname()[0] == str(address))
    except OSError:  # no route, so no request would arrive there either
        return False


LARGEST_HEAD = 64 * 1024
PIECE = 64 * 1024

STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([1-9][0-9]{2})(?![0-9])")
EMPTY_LINE = re.compile(rb"\r?\n\r?\n")

GRACE_S = 0.5
"""How long a caller waits after a request's time limit for a status without the rest of its response, s."""

ssl: Any = unpatched("ssl")
socket: Any = ssl._socket  # the copy that this `ssl` uses


class Deadline:
    """The time limit for a whole request, however slowly the bytes arrive."""

    def __init__(self, seconds: float) -> None:
        self._at_s = time.monotonic() + seconds

    def left(self) -> float:
        """The remaining time, s. Raises OutboundError (TIMEOUT) if there is none."""
        left_s = self._at_s - time.monotonic()
        if left_s <= 0:
            raise OutboundError(FailureKind.TIMEOUT, "no complete response in time")
        return left_s


def resolve(host: str, port: int) -> list[str]:
    """Resolve a name to its addresses, in the system's order. An IP address is returned unchanged. Raises OSError."""
    infos = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(info[4][0] for info in infos))


def exchange(
    target: Target, addresses: list[str], data: bytes, reader: "ResponseReader", deadline: Deadline
) -> OutboundResponse:
    """Send `data` and return the response. Connects only to `addresses`, one after another. The name in `target` is
    used only for TLS. Raises OutboundError.
    """
    try:
        with closing(_connect(target, addresses, deadline)) as connection:
            _send(connection, data, deadline)
            return _receive(connection, reader, deadline)
    except TimeoutError:
        raise OutboundError(FailureKind.TIMEOUT, "no complete response in time") from None
    except ssl.SSLCertVerificationError as error:
        raise OutboundError(FailureKind.TLS, f"its certificate is not valid ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise OutboundError(FailureKind.TLS, f"TLS failed ({error.reason})") from None
    except OSError as error:
        raise OutboundError(FailureKind.CONNECTION, type(error).__name__) from None
    finally:
        reader.discard()


def _connect(target: Target, addresses: list[str], deadline: Deadline) -> Any:
    """Try the addresses in turn; each gets its share of the remaining time."""
    for n, address in enumerate(addresses):
        try:
            share_s = deadline.left() / (len(addresses) - n)
            connection = socket.create_connection((address, target.port), timeout=share_s)
            break
        except OSError:
            if n == len(addresses) - 1:
                raise
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.scheme == "http":
        return connection
    connection.settimeout(deadline.left())
    try:
        return _context().wrap_socket(connection, server_hostname=target.host.removesuffix("."))
    except BaseException:
        connection.close()
        raise


@cache
def _context() -> Any:
    """The TLS context, which checks certificates against the system's store. Created once, because reading the store
    takes 20 ms.
    """
    return ssl.create_default_context()


def _send(connection: Any, data: bytes, deadline: Deadline) -> None:
    sent = 0
    while sent < len(data):
        connection.settimeout(deadline.left())
        sent += connection.send(data[sent:])


def _receive(connection: Any, reader: "ResponseReader", deadline: Deadline) -> OutboundResponse:
    try:
        while not reader.is_complete:
            connection.settimeout(deadline.left())
            data = connection.recv(PIECE)
            if not data:
                reader.end()
                break
            reader.feed(data)
    except (OutboundError, OSError):
        if not reader.read_status():
            raise
    return OutboundResponse(reader.status, reader.headers, bytes(reader.body))


class ResponseReader:
    """Reads one response with llhttp, which is strict. Skips interim responses (1xx). With `only_status`, the response
    may be malformed: after an error, `read_status` reads it as far as possible.
    """

    def __init__(self, most_bytes: int, only_status: bool) -> None:
        self._most_bytes = most_bytes
        self._only_status = only_status
        self._start = bytearray()  # with `only_status`, what arrived up to the end of the head
        self._parser = HttpResponseParser(self)
        self._head_bytes = 0
        self._has_head = False
        self._failure: OutboundError | None = None
        self.is_complete = False
        self.body = bytearray()
        self.on_message_begin()

    def feed(self, data: bytes) -> None:
        """Parse some bytes. Raises OutboundError (BAD_RESPONSE, TOO_LARGE)."""
        if self._only_status and not self._has_head:
            self._start += data
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.is_complete:
                raise self._failure or OutboundError(FailureKind.BAD_RESPONSE, "its response is not HTTP") from None
        if not self._has_head:
            self._count_head(len(data))

    def discard(self) -> None:
        """Break the reference cycle with llhttp, which would otherwise hold the memory until the next garbage
        collection.
        """
        del self._parser

    def end(self) -> None:
        """Call this when the server has closed the connection. Raises OutboundError (CONNECTION) if the response is
        incomplete.
        """
        is_framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._has_head or is_framed:
            raise OutboundError(FailureKind.CONNECTION, "the connection was closed before the response was complete")
        self.is_complete = True

    def read_status(self) -> bool:
        """Read the start of a response that llhttp refused or that did not end. Returns whether its status is known, if
        only the status matters.
        """
        if not self._only_status:
            return False
        if self._has_head:
            return True
        rest = bytes(self._start).lstrip()
        while line := STATUS_LINE.match(rest):
            head, *body = EMPTY_LINE.split(rest, maxsplit=1)
            rest = body[0].lstrip(b"\r\n") if body else b""
            if line[1].startswith(b"1"):
                continue
            self.on_message_begin()
            self.status = int(line[1])
            for field in head.splitlines()[1:]:
                name, colon, value = field.partition(b":")
                if colon:
                    self.on_header(name.strip(), value.strip())
            self.body += rest[: self._most_bytes]
            return True
        return False

    # llhttp calls the methods below. If one raises an error, parsing ends with HttpParserCallbackError.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("bytes after the response")
        self.status = 0
        self.headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            self._count_head(len(name) + len(value))  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if self._has_head and not self._only_status:
            with suppress(ValueError):
                self._limit(int(self.headers.get("content-length", "0")))

    def on_body(self, piece: bytes) -> None:
        if not self._only_status:
            self._limit(len(self.body) + len(piece))
        self.body += piece[: self._most_bytes - len(self.body)]
        if self._only_status and len(self.body) >= self._most_bytes:
            self.is_complete = True

    def on_message_complete(self) -> None:
        if self._has_head:
            self.is_complete = True

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD:
            self._refuse("its response headers are too large")

    def _limit(self, size: int) -> None:
        if size > self._most_bytes:
            self._refuse("its response is too large")

    def _refuse(self, reason: str) -> None:
        self._failure = OutboundError(FailureKind.TOO_LARGE, reason)
        raise self._failure


MAX_AT_ONCE = 64
"""Maximum number of threads for one client's requests, and for its lookups. Further requests wait until their deadline.
Logins and keys have separate clients, so that neither uses up the other's threads (decision 89).
"""

MAX_CHECKED = 8
"""Maximum number of threads per client for checking newly entered URLs. Requests use other threads."""

CHECK_S = 5.0
"""Time limit for looking up the name in a newly entered URL, s."""


class HttpClient:
    """Makes all outgoing connections, except to the mail server, Redis and the database. Ignores proxy settings in the
    environment.
    """

    def __init__(self, runtime: Runtime, resolve: Resolve = resolve) -> None:
        """`resolve` is called on a real thread."""
        self._resolve = resolve
        self._requests = Threads(runtime, MAX_AT_ONCE)
        self._lookups = Threads(runtime, MAX_AT_ONCE)
        self._checked_lookups = Threads(runtime, MAX_CHECKED)

    def fetch(self, request: Request) -> OutboundResponse:
        """Send a request and return the response, even with an error status. Raises OutboundError, or ValueError for a
        header with a line break.
        """
        target, deadline = parse(request.url), Deadline(request.timeout_s)
        data = request.encode(target)
        addresses = self._addresses(self._lookups, target, deadline)

        def work() -> OutboundResponse:
            check_addresses(target.host, addresses, request.destinations)
            reader = ResponseReader(request.most_bytes, request.only_status)
            return exchange(target, addresses, data, reader, deadline)

        grace_s = GRACE_S if request.only_status else 0
        return self._requests.run(work, deadline.left() + grace_s)

    def check(self, url: str, destinations: Destinations) -> str | None:
        """Why a request to this URL would be refused; None if it would be sent, or if its name has no address at the
        moment.
        """
        deadline = Deadline(CHECK_S)
        try:
            target = parse(url)
            addresses = self._addresses(self._checked_lookups, target, deadline)
            self._requests.run(lambda: check_addresses(target.host, addresses, destinations), deadline.left())
        except OutboundError as error:
            return error.reason if error.kind == FailureKind.REFUSED else None
        return None

    def _addresses(self, lookups: Threads, target: Target, deadline: Deadline) -> list[str]:
        """Look up the target's name only once, so that the connection uses the addresses that were checked. Concurrent
        callers share a name's lookup.
        """
        host, port = target.host, target.port
        if is_address(host):
            return [host]

        def look_up() -> list[str]:
            with suppress(OSError, UnicodeError):
                if addresses := self._resolve(host, port):
                    return addresses
            raise OutboundError(FailureKind.CONNECTION, f"the name {host} has no address")

        return lookups.run(look_up, deadline.left(), f"the lookup of {host} timed out", host)
