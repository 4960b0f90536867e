"""The days that a view is compared with: the choices, and the choice that a browser remembers for panel pages."""

from __future__ import annotations

from flask import Response, after_this_request, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.query.ranges import NO_COMPARISON, PREVIOUS, WEEKDAY, YEAR
from koyjabo.reports.ui.address import PageAddress
from koyjabo.reports.ui.ranges import Choice
from koyjabo.webkit.http import cookies

COOKIE, COOKIE_S = "comparison", 365 * 86400
KEEP = "keep"
"""A parameter of links whose choice is remembered. Its value is the cookie's name."""

LABELS: dict[str, LazyString] = {
    WEEKDAY: _("Same weekdays before"),
    PREVIOUS: _("Previous period"),
    YEAR: _("Previous year"),
    NO_COMPARISON: _("No comparison"),
}
"""Labels by value of the `compare` parameter."""


def remembered() -> str:
    """Return the comparison for a panel page whose URL has none. Remembers a choice made in the menu."""
    chosen = request.args.get("compare", "")
    if request.args.get(KEEP) == COOKIE and chosen in LABELS:
        remember(COOKIE, chosen)
    known = cookies.get(COOKIE)
    return known if known in LABELS else WEEKDAY


def remember(cookie: str, value: str) -> None:
    """Set a cookie in the response to this request."""

    @after_this_request
    def put(response: Response) -> Response:
        cookies.put(response, cookie, value, COOKIE_S)
        return response


def choices(address: PageAddress, chosen: str, is_remembered: bool) -> list[Choice]:
    toggled = NO_COMPARISON if chosen != NO_COMPARISON else WEEKDAY  # what the X key switches to
    kept = {KEEP: COOKIE} if is_remembered else {}
    return [
        Choice(str(address.having({"compare": name, **kept})), str(label), name == chosen, "X" * (name == toggled))
        for name, label in LABELS.items()
    ]
