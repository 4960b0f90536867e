"""Checks which addresses a request to a user's URL may go to. `ipaddress.is_global` is not enough, because it considers
NAT64 and multicast addresses global. This list is based on the IANA registries of special-purpose addresses (RFC 6890).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from koyjabo.base.core.runtime import Runtime, Waiter
from koyjabo.base.outbound.messages import Destinations, FailureKind, Network, OutboundError, refused
from koyjabo.base.outbound.unpatched import unpatched

Resolve = Callable[[str, int], list[str]]
"""A function that resolves a name and a port to addresses. Raises OSError or UnicodeError if there are none."""

Failure = tuple[FailureKind, str]


class _NameLookup:
    """A name lookup and its callers. `addresses` and `failure` are set on the loop."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.waiters: list[Waiter] = []
        self.addresses: list[str] = []
        self.failure: Failure = (FailureKind.TIMEOUT, f"the lookup of {host} timed out")


class NameLookups:
    """Looks up names on real threads. Concurrent callers share a name's lookup. A lookup that hangs does not delay
    other lookups unless `most` of them hang. Nothing is cached.
    """

    def __init__(self, runtime: Runtime, resolve: Resolve, most: int) -> None:
        """`resolve` runs on a real thread. At most `most` threads run; further names wait."""
        self._runtime = runtime
        self._resolve = resolve
        self._most = most
        self._lookups: dict[str, _NameLookup] = {}  # by name, running or in `_pending`
        self._pending: deque[_NameLookup] = deque()
        self._running = 0
        self._lock = threading.Lock()  # held by callers, never by our threads

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """Return at least one address. Raises OutboundError (TIMEOUT, CONNECTION)."""
        waiter = self._runtime.waiter()
        lookup = self._join(host, port, waiter)
        self._start_next()
        self._runtime.later(timeout_s, waiter.wake)
        waiter.wait()
        with self._lock:
            lookup.waiters.remove(waiter)
        if not lookup.addresses:
            raise OutboundError(*lookup.failure)
        return lookup.addresses

    def _join(self, host: str, port: int, waiter: Waiter) -> _NameLookup:
        with self._lock:
            lookup = self._lookups.get(host)
            if lookup is None:
                lookup = self._lookups[host] = _NameLookup(host, port)
                self._pending.append(lookup)
            lookup.waiters.append(waiter)
        return lookup

    def _start_next(self) -> None:
        with self._lock:
            while self._pending and not self._pending[0].waiters:  # all callers have given up
                del self._lookups[self._pending.popleft().host]
            if not self._pending or self._running >= self._most:
                return
            lookup = self._pending.popleft()
            self._running += 1
        try:
            self._runtime.start_thread(lambda: self._run(lookup))
        except RuntimeError as error:  # the system allows no more threads
            self._finish(lookup, [], (FailureKind.CONNECTION, str(error)))

    def _finish(self, lookup: _NameLookup, addresses: list[str], failure: Failure) -> None:
        with self._lock:
            self._running -= 1
            del self._lookups[lookup.host]
            waiters = list(lookup.waiters)
            lookup.addresses, lookup.failure = addresses, failure
        self._start_next()
        for waiter in waiters:
            waiter.wake()

    def _run(self, lookup: _NameLookup) -> None:
        """Look up the name, on a real thread."""
        addresses: list[str] = []
        failure = (FailureKind.CONNECTION, f"the name {lookup.host} has no address")
        try:
            addresses = self._resolve(lookup.host, lookup.port)
        except (OSError, UnicodeError):
            pass
        except Exception as error:
            failure = (FailureKind.CONNECTION, type(error).__name__)
        self._runtime.from_thread(lambda: self._finish(lookup, addresses, failure))


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

socket: Any = unpatched("socket")


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
