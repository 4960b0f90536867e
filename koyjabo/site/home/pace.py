"""When the site will reach a milestone at the pace of the last days."""

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _, ngettext

from koyjabo.base.core.clock import Clock
from koyjabo.web.i18n import count, weekday

PACE_DAYS = 7

MIN_DAYS_WITH_VISITS = 4
"""Minimum number of days with visits for a forecast."""

DAY_MS = 86_400_000

DAYS_OF_A_WEEK, DAYS_OF_A_MONTH, MAX_FORECAST_DAYS = 7, 30, 365
"""Numbers of days. Forecasts beyond MAX_FORECAST_DAYS are not shown."""


def at_this_pace(visits: int, days: Sequence[int], clock: Clock) -> str:
    """When this many more visits will be reached, such as `Expected on Monday`; "" if that is too uncertain. `days`
    has the visits on each of the last complete days.
    """
    last = days[-PACE_DAYS:]
    if sum(day_visits > 0 for day_visits in last) < MIN_DAYS_WITH_VISITS:
        return ""
    wait_ms = visits * DAY_MS * len(last) // sum(last)
    if wait_ms > MAX_FORECAST_DAYS * DAY_MS:
        return ""
    reached = date.fromisoformat(clock.bucket(clock.now_ms() + wait_ms).day)
    ahead = (reached - date.fromisoformat(clock.today())).days
    if ahead < 2:
        return str(_("Expected tomorrow") if ahead else _("Expected today"))
    if ahead < DAYS_OF_A_WEEK:
        return str(_("Expected on %(weekday)s", weekday=weekday(reached.isoformat())))
    if ahead < 2 * DAYS_OF_A_MONTH:
        weeks = round(ahead / DAYS_OF_A_WEEK)
        return str(ngettext("Expected in about a week", "Expected in about %(count)s weeks", weeks, count=count(weeks)))
    return str(_("Expected in about %(count)s months", count=count(round(ahead / DAYS_OF_A_MONTH))))
