"""Notices that a page of another host counts its visits here: the line for it was copied, and works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from koyjabo.network.origins import normal

LONGEST = 270
"""Characters of an origin: a name has 253 at most (RFC 1035)."""


class OtherHosts:
    """Tells of one host, the first since it was made; looking at all further visits would cost time, and tell an admin
    little. `counted` is called with it, in the request of the visit, and must not wait.
    """

    def __init__(self, public_url: str, counted: Callable[[str], object]) -> None:
        self._own = _host(public_url)
        self._counted = counted
        self._is_told = False

    def notice(self, environ: Mapping[str, Any]) -> None:
        """A request with this WSGI environment has registered a visit."""
        if self._is_told:
            return
        host = self._other(environ)
        if host:
            self._is_told = True
            self._counted(host)

    def look_again(self) -> None:
        """The database may have forgotten the host."""
        self._is_told = False

    def _other(self, environ: Mapping[str, Any]) -> str:
        """The host of the page, with its port; "" for a page of this server, and for programs, which name none.

        Images have no Origin, but a Referer. Behind a proxy that replaces `Host`, only the browser knows that the page
        is ours.
        """
        if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
            return ""
        host = _host(environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER", ""))
        return "" if host in (self._own, environ.get("HTTP_HOST", "").lower()) else host


def _host(address: str) -> str:
    """ "" for an address without one."""
    origin = "/".join(address.split("/", 3)[:3])
    known = normal(origin) if len(origin) <= LONGEST else None
    return known.partition("://")[2] if known else ""
