"""IPv4 addresses inside of IPv6 addresses: how a client with IPv4 appears to a server, or to one behind NAT64."""

from ipaddress import IPv4Address, IPv6Address

SUFFIX_PREFIXES = (bytes(10) + b"\xff\xff", b"\0\x64\xff\x9b" + bytes(8))
"""Prefixes before the last 32 bits: mapped addresses (RFC 4291), and the well-known one of NAT64 (RFC 6052)."""

LOCAL_NAT64 = b"\0\x64\xff\x9b\0\1"
"""The /48 for a network's own NAT64 (RFC 8215), as a /96 of it or whole, with the address around bits 64 to 71."""


def ipv4_bytes(packed: bytes) -> bytes | None:
    """The IPv4 address in the 16 bytes of an IPv6 address; None if it has none."""
    if packed.startswith(SUFFIX_PREFIXES):
        return packed[12:]
    if packed.startswith(LOCAL_NAT64):
        return packed[12:] if any(packed[12:]) else packed[6:8] + packed[9:11]
    return None


def ipv4_in(address: IPv6Address) -> IPv4Address | None:
    packed = ipv4_bytes(address.packed)
    return IPv4Address(packed) if packed else None
