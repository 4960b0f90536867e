"""Shows visits on pages: filters and their texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from babel import Locale, UnknownLocaleError
from flask import Flask
from flask_babel import gettext, gettext as _, ngettext

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.i18n import N_, name_in
from koyjabo.base.core.urls import host_of, shown
from koyjabo.base.network import user_agents
from koyjabo.base.network.campaigns import Campaign
from koyjabo.columns.dimensions.dimensions import BY_NAME, EVIDENCE, OWN
from koyjabo.counting.evidence.facts import ATTENDED_VISIT_MS
from koyjabo.reports.services import ReportServices
from koyjabo.web import i18n
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import count, day, place, spent
from koyjabo.web.pages import pagination
from koyjabo.web.schemas.bodies import Body
from .attended_times import LiveTime, evidence_of
from .condition_queries import DIRECT
from .queries import LABELS, LoggedVisit
from .visit_list import MAX_COUNTED, Count, VisitFilter


def init_app(app: Flask) -> None:
    filters = (browser, evidence, other_columns, time_and_kind, community, page_names)
    app.jinja_env.filters.update(host=host_of, path=shown, **{filter_.__name__: filter_ for filter_ in filters})


def community(visit: Any) -> str:
    """The name of a visit's community; "" if it was deleted."""
    return name_in(i18n.language(), visit.community, visit.community_bn) if visit.community else ""


def page_names(pages: Iterable[str | None]) -> dict[str | None, str]:
    """The names of pages as in reports, by page."""
    return current()[ReportServices].reports.labels("page", {*pages}, i18n.language())


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
    for name, text in LABELS.items():
        if value := visit.others[name]:
            yield gettext(text), written.get(name, count if isinstance(value, int) else str)(value)


def evidence(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> str:
    """The evidence of a visit in words, such as `2 m 10 s, acted`, `automated` or `not measured`. `live_times` are
    newer than the visit's row.
    """
    time = _time(visit, live_times)
    attended_ms = time.at(current().clock.now_ms())
    kinds = {"automated": _("automated"), "acted": _("acted")}
    is_attended = attended_ms is not None and attended_ms >= ATTENDED_VISIT_MS
    words = [*([spent((attended_ms or 0) // 1000)] if is_attended else []), *filter(None, [kinds.get(time.evidence)])]
    if words:
        return ", ".join(words)
    if attended_ms is None:
        return str(_("not measured"))
    return str(_("not known yet") if _is_early(visit.at_ms) else _("nobody was there"))


def time_and_kind(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> tuple[str, str]:
    """The time on page, such as `2 m 10 s`, and the kind of evidence. The time is `–` until it is known."""
    time = _time(visit, live_times)
    attended_ms = time.at(current().clock.now_ms())
    is_known = attended_ms is not None and (attended_ms >= ATTENDED_VISIT_MS or not _is_early(visit.at_ms))
    return spent((attended_ms or 0) // 1000) if is_known else "–", time.evidence


def _time(visit: LoggedVisit, live_times: Mapping[str, LiveTime]) -> LiveTime:
    others = visit.others
    kind = evidence_of(others["automated"] or visit.is_bot, others["acted"])
    return live_times.get(str(visit.id)) or LiveTime(others["attended_ms"], None, kind)


def _is_early(at_ms: int) -> bool:
    return current().clock.now_ms() - at_ms < WRITTEN_MS


FACTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    EVIDENCE: (BY_NAME[EVIDENCE].label, BY_NAME[EVIDENCE].words),
    "network": (N_("Network"), {"datacentre": N_("Data centre"), "other": N_("Other networks")}),
    OWN: (BY_NAME[OWN].label, BY_NAME[OWN].words),
}
"""Facts that visits can be filtered by: the label, and the words for each value."""

WRITTEN_MS = 300_000
"""Maximum delay before the time of an open page is written, ms (specification: Evidence)."""


class FilterChip(NamedTuple):
    """A filter, and the URL of this page without it."""

    label: str
    url: str


def filter_form(values: dict[str, Any]) -> Form[Body]:
    return Form(Body, {name: values.get(name, "").strip() for name in VisitFilter._fields})


def presets(form: Form[Body], today: str) -> list[tuple[str, str, bool]]:
    """The URL and label of each range of days, and whether it is chosen."""
    yesterday = shifted(today, -1)
    ranges = {
        _("All days"): ("", ""),
        _("Today"): (today, today),
        _("Yesterday"): (yesterday, yesterday),
        _("7 days"): (shifted(today, -6), today),
        _("30 days"): (shifted(today, -29), today),
    }
    chosen = (form.values["first_day"], form.values["last_day"])
    return [(_first_page(first_day=days[0], last_day=days[1]), label, days == chosen) for label, days in ranges.items()]


def chips(form: Form[Body], communities: Iterable[tuple[str, str]]) -> list[FilterChip]:
    named, traffic = dict(communities), {"people": _("People"), "bots": _("Bots")}
    words: dict[str, Callable[[str], str]] = {
        "text": lambda value: f"“{value}”",
        "first_day": lambda value: _("From %(day)s", day=day(value)),
        "last_day": lambda value: _("To %(day)s", day=day(value)),
        "place": lambda value: _("Location: %(name)s", name=place(value)),
        "page": lambda value: _("Page: %(name)s", name=page_names([value])[value]),
        "source": lambda value: _("Source: %(name)s", name=source(value)),
        "browser": lambda value: _("Browser: %(name)s", name=value),
        "community_id": lambda value: _("Community: %(name)s", name=named.get(value, value)),
        "who": lambda value: _("Traffic: %(name)s", name=traffic.get(value, value)),
    }
    chips = []
    for name in (*words, *FACTS):
        if value := form.values[name]:
            text = words[name](value) if name in words else f"{gettext(FACTS[name][0])}: {_fact(name, value)}"
            chips.append(FilterChip(text, _first_page(**{name: None})))
    return chips


def facts() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield the name, label and choices of each filter in FACTS."""
    for name, (label, words) in FACTS.items():
        values = [(value, gettext(text)) for value, text in words.items()]
        yield name, gettext(label), [("", str(_("All"))), *values]


def _fact(name: str, value: str) -> str:
    words = FACTS[name][1]
    return gettext(words[value]) if value in words else value


def with_counts(
    counts: Iterable[tuple[str, int]], chosen: str, name_of: Callable[[str], str]
) -> list[tuple[str, str, int]]:
    """Values to choose from, with names and numbers of visits. The chosen one is always included."""
    by_value = dict(counts)
    if chosen:
        by_value.setdefault(chosen, 0)
    return [(value, name_of(value), number) for value, number in by_value.items()]


def source(host: str) -> str:
    return str(_("Direct")) if host == DIRECT else host


def results(counted: Count) -> str:
    """The number of visits as a text; "" if counting took too long."""
    if not counted.is_complete and counted.visits > MAX_COUNTED:
        return str(_("More than %(count)s visits", count=count(MAX_COUNTED)))
    if not counted.is_complete:
        return str(_("At least %(count)s visits", count=count(counted.visits))) if counted.visits else ""
    return str(ngettext("%(count)s visit", "%(count)s visits", counted.visits, count=count(counted.visits)))


def _first_page(**changes: Any) -> str:
    return pagination.this_page(**changes, before=None, after=None)
