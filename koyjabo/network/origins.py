"""Origins whose pages may use a browser's session: this server's own, and those of ALLOWED_ORIGINS."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
USUAL_PORT = {"http": "80", "https": "443"}


def normal(origin: str) -> str | None:
    """An origin as browsers write it: lower case, without the default port. None for an invalid origin."""
    match = ORIGIN.fullmatch(origin.strip().lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in (None, USUAL_PORT[scheme]) else f"{scheme}://{host}:{port}"


class Origins:
    """`allowed` and `public_url` are origins as `normal` returns them; `public_url` may be empty."""

    def __init__(self, allowed: Collection[str] = (), public_url: str = "") -> None:
        self.allowed = frozenset(allowed)
        self._public_url = public_url

    def site(self, request: Any) -> str | None:
        """The origin of our own pages: PUBLIC_URL, or that of the request; None if its Host is invalid."""
        return self._public_url or _own(request)

    def trusts(self, request: Any) -> bool:
        """Whether to accept the cookies of a request or handshake: only if the sending page has an allowed origin.
        A request without `Origin` is accepted: it is a browser's own GET, or not from a browser.
        """
        header = request.environ.get("HTTP_ORIGIN")
        if header is None:
            return True
        origin = normal(header)
        return origin is not None and (origin in self.allowed or origin == _own(request))


def _own(request: Any) -> str | None:
    scheme = {"ws": "http", "wss": "https"}.get(request.scheme, request.scheme)
    return normal(f"{scheme}://{request.host}")
