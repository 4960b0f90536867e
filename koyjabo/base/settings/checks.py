"""Checks settings. Each check returns the value to use, or raises ValueError with a description of valid values."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from koyjabo.base.core import page_patterns as patterns
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.sanitize import has_visible, tidy_name
from koyjabo.base.core.urls import ascii_host
from koyjabo.base.network import origins
from koyjabo.base.network.embedded_ipv4 import ipv4_in
from . import smtp_url
from .public_keys import ALGORITHM_ALIASES, KEY_TYPES

MIN_TOKEN_LENGTH = 16
NO_TOTALS = "none"
MAX_TOTAL = 10**15
VISIBLE_CHARACTERS = re.compile("[!-~]+")
"""Printable ASCII characters, without spaces."""

URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
"""Characters that stay as they are in a URL, besides letters, digits and `-._`."""

COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)

SHARED_SECRETS = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Minimum length of the secret for each algorithm, bytes (RFC 7518, 3.2)."""

NO_CLAIMS = "none"
"""Value of AUTH_REQUIRED_CLAIMS if the other system does not mark its access tokens with a claim."""

REQUIRED_CLAIM = re.compile(r"((?:https?:/)?[^:]+):(.+)")
"""A claim and its value. Names of some issuers begin with `https://`."""

NO_AUDIENCE = "none"
"""Value of AUTH_AUDIENCE if the other system's tokens have no `aud`."""

TOKEN_NAME = re.compile(r"[!-~]{1,200}")
"""An issuer, an audience, or a claim name."""


def upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def switch(value: Any, read: Callable[[Any], bool]) -> bool:
    try:
        return read(value)
    except ValidationError:
        raise ValueError(N_("should be 1 or 0")) from None


def ip_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("should be an IP address, such as 127.0.0.1, 0.0.0.0 or ::") from None


def colour(value: str) -> str:
    """A colour as `#rrggbb`. The "#" may be missing, and `#rgb` is short for it."""
    match = COLOUR.fullmatch(value)
    if not match:
        raise ValueError(N_("should be a colour such as #2f5488"))
    digits = match[1].lower()
    return f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}"


def absolute_path(value: str) -> str:
    if not Path(value).is_absolute():
        raise ValueError(N_("should be an absolute path"))
    return value


def origin_list(value: str) -> str:
    normal = [origins.normal(part) for part in value.split(",") if part.strip()]
    if None in normal:
        raise ValueError(N_("should be comma-separated origins such as https://app.example.com, without paths"))
    return ",".join(str(origin) for origin in normal)


def address_list(value: str) -> str:
    """Convert addresses and networks to networks. IPv4 addresses written as IPv6 addresses become IPv4 addresses."""
    try:
        return ",".join(str(_network(part.strip())) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            N_(
                "should be comma-separated addresses such as 203.0.113.7 and networks such as 2001:db8::/32 "
                "(not 2001:db8::1/32)"
            )
        ) from None


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(value)
    inner = ipv4_in(network.network_address) if isinstance(network, ipaddress.IPv6Network) else None
    return ipaddress.ip_network((inner, network.prefixlen - 96)) if inner and network.prefixlen >= 96 else network


def origin(value: str) -> str:
    normal = origins.normal_web(value.removesuffix("/"))
    if normal is None:
        raise ValueError(N_("should be an origin such as https://live.example.com, without a path"))
    return normal


def one_line(longest: int, why: str) -> Callable[[str], str]:
    """A check for a text of at most `longest` characters. Nothing visible counts as empty."""

    def checked(value: str) -> str:
        text = tidy_name(value)
        if len(text) > longest:
            raise ValueError(why)
        return text if has_visible(text) else ""

    return checked


def url(value: str) -> str:
    """An absolute http or https URL without a password, as browsers send it: other scripts are encoded."""
    try:
        parts = urlsplit(value)
        host = ascii_host(parts.netloc)
        is_url = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if is_url and not {"@", "\\"} & set(host) and VISIBLE_CHARACTERS.fullmatch(host):
            return quote(parts._replace(netloc=host).geturl(), URL_CHARACTERS)
    except ValueError:
        pass  # such as a port that is no number
    raise ValueError(N_("should be a URL such as https://app.example.com"))


def totals(value: str) -> str:
    """Comma-separated numbers, or NO_TOTALS."""
    written = [part.strip() for part in value.split(",")]
    if written == [NO_TOTALS]:
        return NO_TOTALS
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= MAX_TOTAL for part in written):
        raise ValueError(N_("should be comma-separated numbers such as 1000,5000,10000, or none"))
    return ",".join(written)


def page_patterns(value: str) -> str:
    """Comma-separated paths, where `*` is any text. An empty value names no pages."""
    if not value.strip():
        return ""
    try:
        return ",".join(patterns.parse(value))
    except ValueError:
        raise ValueError(N_("should be * or paths such as /posts/*,/about, without ? and #")) from None


def time_of_day(value: str) -> str:
    if not TIME_OF_DAY.fullmatch(value):
        raise ValueError(N_("should be a time of day such as 03:30"))
    return value


def smtp_server(value: str) -> str:
    smtp_url.parse(value)
    return value


def token(value: str) -> str:
    if len(value) < MIN_TOKEN_LENGTH or not value.isascii():
        raise ValueError(f"should have at least {MIN_TOKEN_LENGTH} characters, all of them ASCII")
    return value


def token_name(value: str) -> str:
    if not TOKEN_NAME.fullmatch(value):
        raise ValueError("should be at most 200 printable ASCII characters, without spaces")
    return value


def token_algorithms(value: str) -> str:
    names = [ALGORITHM_ALIASES.get(part.strip(), part.strip()) for part in value.split(",")]
    if not set(names) <= {*KEY_TYPES, *SHARED_SECRETS}:
        known = ", ".join((*KEY_TYPES, *SHARED_SECRETS))
        raise ValueError(f"should be one or more of {known}, separated by commas")
    return ",".join(dict.fromkeys(names))


def required_claims(value: str) -> str:
    pairs = [part.strip() for part in value.split(",")]
    if pairs != [NO_CLAIMS] and not all(map(REQUIRED_CLAIM.fullmatch, pairs)):
        raise ValueError("should be comma-separated claims such as token_type:access, or none")
    return ",".join(pairs)
