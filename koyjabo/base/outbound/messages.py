"""Requests to other servers, their responses, and failures. URLs are parsed strictly: a text that two programs may read
differently is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from urllib.parse import quote, urlsplit

from koyjabo.base.core.domains import ascii_domain
from koyjabo.base.core.urls import shown_host

LONGEST_URL = 2048
LONGEST_NAME = 253
PORTS = {"http": 80, "https": 443}
URL_TEXT = re.compile(r"[^\x00-\x20\x7f-\xa0\\]+")
"""Matches a text without spaces, control characters and backslashes."""

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))

NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
"""Matches a last label that makes browsers and the C library read a host as an IPv4 address, as in `127.1`."""

FIELD_VALUE = re.compile(r"[^\x00\r\n]*")
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Network = IPv4Network | IPv6Network


class FailureKind(StrEnum):
    REFUSED = "refused"
    """The URL or one of the addresses is not allowed; nothing was sent."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    """There was no address or no connection, or the connection was closed early."""
    TLS = "tls"
    TOO_LARGE = "too_large"
    BAD_RESPONSE = "bad_answer"
    """The response is not HTTP."""


class OutboundError(Exception):
    """There was no response. `reason` is a phrase for operators, without anything that the other server sent."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Destinations:
    """The addresses that a request may go to: all, or only global ones and the networks in `allowed`."""

    allowed: tuple[Network, ...] = ()
    any_address: bool = False
    """Whether all addresses are allowed. Used for hosts in the operator's settings, which may be private."""


PUBLIC, ANYWHERE = Destinations(), Destinations(any_address=True)


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `timeout_s` covers everything, from waiting for a thread to the last byte. A response body with more
    than `most_bytes` is an error. With `only_status`, it is cut off, and so is a response that breaks HTTP's rules or
    ends early, after its status line.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = 10.0
    most_bytes: int = 64 * 1024
    only_status: bool = False
    destinations: Destinations = PUBLIC

    def encode(self, target: "Target") -> bytes:
        """The request as bytes (RFC 9112). Raises ValueError for an invalid header, such as one that contains a line
        break.
        """
        fields = {"Host": target.authority, "Connection": "close", "Accept-Encoding": "identity", **self.headers}
        if self.body or self.method != "GET":
            fields["Content-Length"] = str(len(self.body))
        for name, value in fields.items():
            if not (FIELD_NAME.fullmatch(name) and FIELD_VALUE.fullmatch(value)):
                raise ValueError(f"not a header: {name}")
        lines = (f"{self.method} {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()))
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    status: int
    headers: dict[str, str]
    """Headers by lowercase name."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL. `host` is a name, or an IP address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    """The path and the query."""

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Parse a URL. Letters outside ASCII may be encoded or not (WHATWG URL). Raises OutboundError (REFUSED) for all but
    plain `http` and `https` URLs.
    """
    if len(url) > LONGEST_URL or not URL_TEXT.fullmatch(url):
        raise refused("it is not a URL")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        if shown_host(encoded := ascii_domain(host)) == host:  # otherwise programs may read another name
            host = encoded
        path = quote(parts.path or "/", safe=PRINTABLE) + quote(parts.query and f"?{parts.query}", safe=PRINTABLE)
    except ValueError:
        raise refused("it is not a URL") from None
    if parts.scheme not in PORTS:
        raise refused("it should begin with https://")
    if "@" in parts.netloc:
        raise refused("it contains a user name or password")
    if port == 0 or parts.netloc.endswith(":"):
        raise refused("its port is not valid")
    return Target(parts.scheme, _host(host, "[" in parts.netloc), port or PORTS[parts.scheme], path)


def _host(host: str, has_brackets: bool) -> str:
    if has_brackets:
        if "%" in host:
            raise refused("its address has a zone ID")
        return host
    name = host.removesuffix(".")
    if NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise refused("its address should be written as four decimal numbers") from None
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise refused("its host is not a valid name (write non-ASCII names as xn--…)")
    return host


def refused(reason: str) -> OutboundError:
    return OutboundError(FailureKind.REFUSED, reason)
