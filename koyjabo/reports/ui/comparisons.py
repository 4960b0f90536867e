"""The days that a view is compared with: the choices, and the one that a browser remembers for pages of the panel."""

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
"""A parameter of the links whose choice is remembered. Its value is the name of the cookie."""

LABELS: dict[str, LazyString] = {
    WEEKDAY: _("Previous period, same weekdays"),
    PREVIOUS: _("Previous period"),
    YEAR: _("Previous year"),
    NO_COMPARISON: _("No comparison"),
}
"""By the values of the parameter `compare`."""


def remembered() -> str:
    """Return the comparison of a URL without one, on a page of the panel. Remembers a choice from the menu."""
    chosen = request.args.get("compare", "")
    if request.args.get(KEEP) == COOKIE and chosen in LABELS:
        remember(COOKIE, chosen)
    known = cookies.get(COOKIE)
    return known if known in LABELS else WEEKDAY


def remember(cookie: str, value: str) -> None:
    """Set a cookie with the response to this request."""

    @after_this_request
    def put(response: Response) -> Response:
        cookies.put(response, cookie, value, COOKIE_S)
        return response


def choices(address: PageAddress, chosen: str, is_remembered: bool) -> list[Choice]:
    toggled = NO_COMPARISON if chosen != NO_COMPARISON else WEEKDAY  # by the key X
    kept = {KEEP: COOKIE} if is_remembered else {}
    return [
        Choice(str(address.having({"compare": name, **kept})), str(label), name == chosen, "X" * (name == toggled))
        for name, label in LABELS.items()
    ]
