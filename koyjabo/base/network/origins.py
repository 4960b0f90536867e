"""Origins whose pages may use a browser's session: this server's own origin, and ALLOWED_ORIGINS."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from koyjabo.base.core.urls import ascii_host, bare_host

ORIGIN_TEXT = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
NOT_OF_PAGES = {"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"}
"""Schemes whose pages, if there are any, send `Origin: null`."""

USUAL_PORT = {"http": 80, "https": 443}
LAST_PORT = 65535
MAX_ORIGIN_LENGTH = 270
"""Maximum length of an origin, characters. A host name has at most 253 (RFC 1035)."""


def normal(origin: str) -> str | None:
    """An origin as browsers write it: in lower case, with its host in Punycode, and without the default port. Apps and
    browser extensions have their own schemes, such as `capacitor://localhost`. None for an invalid origin and for
    `null`.
    """
    text = origin.strip()
    match = ORIGIN_TEXT.fullmatch(ascii_host(text)) if len(text) <= MAX_ORIGIN_LENGTH else None
    if match is None or int(match[3] or 0) > LAST_PORT:
        return None
    scheme, host, port = match.groups()
    if scheme in NOT_OF_PAGES:
        return None
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    return f"{scheme}://{host}" if port is None or int(port) == USUAL_PORT.get(scheme) else f"{scheme}://{host}:{port}"


def normal_web(origin: str) -> str | None:
    """An http or https origin, as `normal` returns it."""
    known = normal(origin)
    return known if known and known.partition(":")[0] in USUAL_PORT else None


def is_allowed(header: str, allowed: tuple[str, ...]) -> bool:
    """Whether the origin in a request's `Origin` header is one of these origins, which are written as in `normal`."""
    return len(header) <= MAX_ORIGIN_LENGTH and _is_among(header, allowed)


@lru_cache(maxsize=256)
def _is_among(header: str, allowed: tuple[str, ...]) -> bool:
    return normal(header) in allowed


class Origins:
    """The trusted origins. `allowed` and `public_url` return origins as `normal` does; `public_url` may return ""."""

    def __init__(self, allowed: Callable[[], Collection[str]], public_url: Callable[[], str]) -> None:
        self._allowed = allowed
        self._public_url = public_url

    def site(self, request: Any) -> str | None:
        """PUBLIC_URL, or else the origin of the request; None if the Host header is invalid."""
        return self._public_url() or _own(request)

    def trusts(self, request: Any) -> bool:
        """Whether the cookies of a request or handshake may be used: only if the sending page has a trusted origin. A
        request without `Origin` is accepted: it is a plain GET from a browser, or does not come from a browser.
        """
        header = request.environ.get("HTTP_ORIGIN")
        if header is None:
            return True
        own = _own(request)
        return is_allowed(header, (*self._allowed(), *([own] if own else [])))


def other_host(environ: Mapping[str, Any]) -> str:
    """The host and port of the page that sent a request, if it is on another site; otherwise "". Image requests have a
    Referer but no Origin; programs send neither. Behind a proxy that replaces `Host`, only the browser knows that the
    page is on this site.
    """
    sender = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER")
    if not sender or environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return ""
    host = host_of(sender)
    return "" if host == environ.get("HTTP_HOST", "").lower() else host


def is_sender(environ: Mapping[str, Any], address: str) -> bool:
    """Whether an address is on the host of the page that sent a request, ignoring `www.` and the port."""
    if not (origin := environ.get("HTTP_ORIGIN")):
        return False
    sender = bare_host(host_of(origin))
    return sender != "" and sender == bare_host(address)


@lru_cache(maxsize=256)
def host_of(address: str) -> str:
    """The host of a URL, with its port unless it is the default; "" for an invalid URL."""
    known = normal_web("/".join(address[: MAX_ORIGIN_LENGTH + 1].split("/", 3)[:3]))
    return known.partition("://")[2] if known else ""


def _own(request: Any) -> str | None:
    return normal_web(f"{request.scheme}://{request.host}")
