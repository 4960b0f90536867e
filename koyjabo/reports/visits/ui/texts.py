"""What pages say about a visit: filters of templates."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from babel import Locale, UnknownLocaleError
from flask import Flask
from flask_babel import gettext, gettext as _

from koyjabo.base.core.i18n import name_in
from koyjabo.base.core.urls import host_of, shown
from koyjabo.base.network import user_agents
from koyjabo.base.network.campaigns import Campaign
from koyjabo.columns.dimensions.source_names import label
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.counting.evidence.facts import ATTENDED_VISIT_MS
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.visits.attended_times import LiveTime, evidence_of
from koyjabo.reports.visits.queries import LABELS_OF_COLUMNS, LoggedVisit
from koyjabo.web import i18n
from koyjabo.web.current import current
from koyjabo.web.i18n import count, spent

ATTENDANCE_DELAY_MS = 300_000
"""Maximum delay before the time of an open page is written, ms (specification: Evidence)."""


def init_app(app: Flask) -> None:
    filters = (browser, evidence, other_columns, time_and_kind, community, page_names, source)
    named = {filter_.__name__: filter_ for filter_ in filters}
    app.jinja_env.filters.update(host=host_of, path=shown, source_name=label, **named)


def source(visit: LoggedVisit) -> str:
    """The source of a visit, as reports name it; "" if it is direct."""
    columns = visit.columns
    return current()[TraitParser].sources.of_visit(columns["referrer"], columns["campaign"]).domain or ""


def community(visit: Any) -> str:
    """The name of a visit's community."""
    return name_in(i18n.language(), visit.community, visit.community_bn)


def page_names(pages: Iterable[str | None]) -> dict[str | None, str]:
    """The names of pages as in reports, by page."""
    return current()[Insights].labels("page", {*pages}, i18n.language())


def browser(user_agent: str | None) -> str:
    """`Chrome · Android`, or "" if neither is known."""
    return " · ".join(filter(None, user_agents.of(user_agent or "")))


def campaign(query: str) -> str:
    """`newsletter · mail · Eid`: source, medium, campaign, term and content, as far as known."""
    return " · ".join(filter(None, Campaign.read(query)))


def language(code: str) -> str:
    """The name of a language, such as `Bangla`, or its code if it has none."""
    try:
        return Locale.parse(code).get_display_name(i18n.language()) or code
    except (UnknownLocaleError, ValueError):
        return code


def other_columns(visit: LoggedVisit) -> Iterator[tuple[str, str]]:
    """Yield the label and text of each column that has both (`counting.models.COLUMN_LABEL`)."""
    written: dict[str, Callable[[Any], str]] = {"language": language, "campaign": campaign}
    for name, text in LABELS_OF_COLUMNS.items():
        if value := visit.columns[name]:
            yield gettext(text), written.get(name, count if isinstance(value, int) else str)(value)


def evidence(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> str:
    """The evidence of a visit in words, such as `2 m 10 s`, `automated` or `not measured`. `live_times` are
    newer than the visit's row.
    """
    time = _time(visit, live_times)
    attended_ms = time.at(current().clock.now_ms())
    kinds = {"automated": _("automated"), "acted": _("used mouse, touch or keyboard")}
    is_attended = attended_ms is not None and attended_ms >= ATTENDED_VISIT_MS
    words = [*([spent((attended_ms or 0) // 1000)] if is_attended else []), *filter(None, [kinds.get(time.evidence)])]
    if words:
        return ", ".join(words)
    if attended_ms is None:
        return str(_("not measured"))
    return str(_("not known yet") if _is_early(visit.at_ms) else _("nobody was there"))


def time_and_kind(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> tuple[str, str]:
    """The time on page, such as `2 m 10 s`, "" if the visit was not attended, and the kind of evidence."""
    time = _time(visit, live_times)
    attended_ms = time.at(current().clock.now_ms()) or 0
    return spent(attended_ms // 1000) if attended_ms >= ATTENDED_VISIT_MS else "", time.evidence


def _time(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> LiveTime:
    columns = visit.columns
    kind = evidence_of(columns["automated"] or visit.is_bot, columns["acted"])
    return live_times.get(str(visit.id)) or LiveTime(columns["attended_ms"], None, kind)


def _is_early(at_ms: int) -> bool:
    return current().clock.now_ms() - at_ms < ATTENDANCE_DELAY_MS
