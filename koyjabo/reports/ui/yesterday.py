"""Yesterday in one sentence: its visits, compared with the same weekday a week earlier, and what explains the
difference.
"""

from datetime import date
from typing import NamedTuple

from babel.dates import format_date

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import StillCounting
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import Scope
from koyjabo.people.mail.contents import Localizer
from koyjabo.reports import differences
from koyjabo.reports.query.parameters import escaped
from koyjabo.reports.query.report_query import WEEKDAY, Question
from koyjabo.reports.services import ReportServices
from koyjabo.web.current import current
from koyjabo.web.i18n import language
from .ranges import PageAddress

THE_WEEKDAY_BEFORE = N_("the %(weekday)s before")


class Clause(NamedTuple):
    text: str
    url: str  # of the view of yesterday with only these visits


class Yesterday(NamedTuple):
    text: str
    url: str  # of the view of yesterday
    clauses: list[Clause]


def yesterday(scope: Scope, path: str) -> Yesterday | None:
    """Return the sentence, or None on a site's first day and while visits are being counted for reports.

    `path` is the page with the scope's Insights. Waits, and raises LedgerUnavailable.
    """
    services = current()
    speech = Localizer(language(), services.clock.zone)
    insights, day = services[ReportServices].reports, shifted(services.clock.today(), -1)
    now = Question(day, day, scope)
    before = insights.compared(now, WEEKDAY)
    try:
        began = insights.first_day(scope)
        explanation = differences.difference(insights, now, before, language()) if began and began <= day else None
    except StillCounting:
        return None
    if explanation is None:
        return None
    weekday = format_date(date.fromisoformat(day), "EEEE", locale=language())
    range_ = speech.say(THE_WEEKDAY_BEFORE, weekday=weekday)
    address = PageAddress(path, (("start", day), ("end", day), ("compare", WEEKDAY)))
    urls = (str(address.adding(change.dimension, escaped(change.value))) for change in explanation.changes)
    text, *texts = differences.described(speech, explanation, "day", range_)
    return Yesterday(text, str(address), [Clause(*pair) for pair in zip(texts, urls, strict=True)])
