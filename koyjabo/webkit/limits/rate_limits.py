"""Limits the requests of one address, one visitor and one account (docs/limits.md). Counted in this worker's memory, so
that no request waits.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from koyjabo.settings.schema import Settings
from koyjabo.webkit.limits.limits import Limits, RateLimits, Usage

EXTENSION = "koyjabo.rate_limits"


def init_app(app: Flask, settings: Settings) -> None:
    limits = Limits(**{name: getattr(settings, f"rate_limit_{name}") for name in Limits._fields})
    app.extensions[EXTENSION] = RateLimits(limits, settings.web_concurrency)
    app.after_request(_add_headers)


def count_address(kind: str) -> None:
    """Count a request by its address. Raises TooManyRequests, like all `count_` functions."""
    limits().count_address(kind, request.environ, usage())


def count_action(user_id: str) -> None:
    """Count a community created or a person invited, by account."""
    limits().count_account("actions", usage(), user_id)


def count_change(user_id: str) -> None:
    """Count a request that changes something, by account."""
    limits().count_account("changes", usage(), user_id)


def count_report(user_id: str) -> None:
    limits().count_account("reports", usage(), user_id)


def limits(app: Flask | None = None) -> RateLimits:
    """The limits of `app`, or of the application that serves the current request."""
    rate_limits: RateLimits = (app or current_app).extensions[EXTENSION]
    return rate_limits


def usage() -> Usage:
    """The usage of the current request."""
    if "usage" not in g:
        g.usage = Usage()
    current: Usage = g.usage
    return current


def _add_headers(response: Response) -> Response:
    if "usage" in g:
        response.headers.extend(g.usage.headers())
    return response
