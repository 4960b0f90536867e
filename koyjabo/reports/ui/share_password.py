"""The password of a share link: its form, its limits, and the cookie for browsers where it was entered."""

from __future__ import annotations

from flask import Response

from koyjabo.accounts.login import login_limits
from koyjabo.accounts.services import AccountServices
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink
from koyjabo.reports.shares import PASS_S
from koyjabo.webkit.current import current
from koyjabo.webkit.http import cookies


def require(link: OpenLink) -> str:
    """Return this browser's pass. Raises ShareLocked unless the browser may see the link's content."""
    proof = cookies.get(_cookie(link))
    current()[ReportServices].shares.require_pass(link, proof)
    return proof


def unlock(link: OpenLink, password: str) -> str:
    """Check the password and return the pass for `remember`. Guesses are limited as for an account's password, across
    all addresses together.

    Raises WrongPassword, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    key, failures = f"share {link.id}", current()[AccountServices].login_throttle
    client = login_limits.client()
    with login_limits.counted_login(key, failures.unlocked_ms), failures.begin(key, login_limits.guess_key()):
        return current()[ReportServices].shares.unlock(link, password, client)


def remember(response: Response, link: OpenLink, proof: str) -> Response:
    cookies.put(response, _cookie(link), proof, PASS_S)
    return response


def _cookie(link: OpenLink) -> str:
    return f"share_{link.id[:8]}"
