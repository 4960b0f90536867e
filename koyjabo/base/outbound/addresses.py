"""Checks which addresses a request to a user's URL may go to. `ipaddress.is_global` is not enough, because it considers
NAT64 and multicast addresses global. This list is based on the IANA registries of special-purpose addresses (RFC 6890).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from koyjabo.base.outbound.messages import Destinations, Network, refused
from koyjabo.base.outbound.unpatched import unpatched

Resolve = Callable[[str, int], list[str]]
"""A function that resolves a name and a port to addresses. Raises OSError or UnicodeError if there are none."""


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
