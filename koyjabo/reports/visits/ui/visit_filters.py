"""The filters of the list of visits: form, chips, choices and results."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from flask_babel import gettext, gettext as _, ngettext

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.i18n import N_
from koyjabo.columns.dimensions import source_names
from koyjabo.columns.dimensions.dimensions import DIMENSION_BY_NAME, EVIDENCE, OWN_VISITS
from koyjabo.reports.visits.queries import Count
from koyjabo.reports.visits.source_queries import DIRECT_SOURCE
from koyjabo.reports.visits.visit_list import MAX_COUNTED_RESULTS, VisitFilter
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import count, day, place
from koyjabo.web.pages import pagination
from koyjabo.web.schemas.bodies import Body
from .texts import page_names

FACTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    EVIDENCE: (DIMENSION_BY_NAME[EVIDENCE].label, DIMENSION_BY_NAME[EVIDENCE].words),
    "network": (N_("Network"), {"datacentre": N_("Data centre"), "other": N_("Other networks")}),
    OWN_VISITS: (DIMENSION_BY_NAME[OWN_VISITS].label, DIMENSION_BY_NAME[OWN_VISITS].words),
}
"""Facts that visits can be filtered by: the label, and the words for each value."""


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


def source(name: str) -> str:
    return str(_("Direct")) if name == DIRECT_SOURCE else source_names.label(name)


def results(counted: Count) -> str:
    """The number of visits as a text; "" if counting took too long."""
    if not counted.is_complete and counted.visits > MAX_COUNTED_RESULTS:
        return str(_("More than %(count)s visits", count=count(MAX_COUNTED_RESULTS)))
    if not counted.is_complete:
        return str(_("At least %(count)s visits", count=count(counted.visits))) if counted.visits else ""
    return str(ngettext("%(count)s visit", "%(count)s visits", counted.visits, count=count(counted.visits)))


def _first_page(**changes: Any) -> str:
    return pagination.this_page(**changes, before=None, after=None)
