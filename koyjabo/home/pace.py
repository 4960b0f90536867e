"""When a total is reached at the pace of the last seven days, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from babel.dates import format_date
from flask_babel import gettext as _
from flask_babel import ngettext

from koyjabo.core.clock import Clock
from koyjabo.webkit.i18n import count, language

DAYS = 7
LEAST_DAYS = 4
"""Days with visits among those: with fewer, nothing is foretold."""

DAY_MS = 86_400_000
WEEK, MONTH, LONGEST = 7, 30, 365
"""Days; times longer than the longest are left open."""


def at_this_pace(visits: int, days: Sequence[int], clock: Clock) -> str:
    """`on Monday at this pace`, for this number of further visits; "" if too uncertain. `days` are the visits of the
    last complete days.
    """
    last = days[-DAYS:]
    if sum(each > 0 for each in last) < LEAST_DAYS:
        return ""
    return _words(clock.now_ms() + visits * DAY_MS * len(last) // sum(last), clock)


def _words(at_ms: int, clock: Clock) -> str:
    today = date.fromisoformat(clock.today())
    if at_ms - clock.now_ms() > LONGEST * DAY_MS:
        return ""
    reached = date.fromisoformat(clock.bucket(at_ms).day)
    days = (reached - today).days
    if days < 2:
        return str(_("tomorrow at this pace") if days else _("today at this pace"))
    if days < WEEK:
        weekday = format_date(reached, "EEEE", locale=language())
        return str(_("on %(weekday)s at this pace", weekday=weekday))
    if days < 2 * MONTH:
        weeks = round(days / WEEK)
        return str(
            ngettext("in about a week at this pace", "in about %(count)s weeks at this pace", weeks, count=count(weeks))
        )
    return str(_("in about %(count)s months at this pace", count=count(round(days / MONTH))))
