"""What the readers of a share link see, and the password that opens a link."""

from __future__ import annotations

from flask import Response

from koyjabo.base.models import Share
from koyjabo.people.accounts.login import login_limits
from koyjabo.people.accounts.throttle.login_throttle import LOGIN
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.services import ReportServices
from koyjabo.reports.shares import PASS_S
from koyjabo.reports.ui.filters import words
from koyjabo.web.current import current
from koyjabo.web.http import cookies


def shown(link: Share) -> list[str]:
    """Return a link's filters in words, for its visitors. Communities are left out, because their names are hidden."""
    filters = {name: kept for name, kept in current()[ReportServices].shares.filters(link).items() if name != COMMUNITY}
    return words(filters, current()[ReportServices].shared_reports.label)


def require_pass(link: Share) -> str:
    """Return this browser's pass. Raises ShareLocked unless the browser may see the link's content."""
    proof = cookies.get(_cookie(link))
    current()[ReportServices].shares.require_pass(link, proof)
    return proof


def unlock(link: Share, password: str) -> str:
    """Check the password and return the pass for `remember_pass`. Guesses are limited as for an account's password,
    across all addresses together.

    Raises WrongPassword, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    with login_limits.password_attempt(f"share {link.id}", LOGIN):
        return current()[ReportServices].shares.unlock(link, password, login_limits.client())


def remember_pass(response: Response, link: Share, proof: str) -> Response:
    cookies.put(response, _cookie(link), proof, PASS_S)
    return response


def _cookie(link: Share) -> str:
    return f"share_{link.id[:8]}"
