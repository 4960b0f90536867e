"""A view's active filters in words, and as chips."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.errors import InvalidInput
from koyjabo.columns.dimensions.dimensions import Value
from koyjabo.columns.query.report_query import Filters
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.query.parameters import escaped
from koyjabo.web.current import current
from koyjabo.web.i18n import language
from . import cards
from .page_address import PageAddress

Label = Callable[[str, Value, str], str]

SWITCH_LABELS: dict[tuple[str, str], LazyString] = {
    ("attended", "!none"): _("Attended only"),
    ("own", "others"): _("Without own visits"),
}
"""Labels by the filter that a switch adds."""


class Chip(NamedTuple):
    words: str  # "Page is /fares"
    opposite: str  # "Page is not /fares"
    turned: str  # the URL of the view with the opposite filter
    without: str


def filters_in_words(filters: Filters, label: Label) -> list[str]:
    """Return the filters in words, for a list of views."""
    return [_words(dimension, value, label)[not is_included] for dimension, value, is_included in _parts(filters)]


def stored_chips(filters: dict[str, list[str]]) -> list[str]:
    """Return stored filters in words. The list is empty for invalid filters, which a form reports when it is sent."""
    pairs = [(name, value) for name, values in filters.items() for value in values]
    insights = current()[Insights]
    try:
        return filters_in_words(insights.parse(pairs).query.filters, insights.label)
    except InvalidInput:
        return []


def chips(filters: Filters, address: PageAddress, label: Label) -> list[Chip]:
    parts = []
    for dimension, value, is_included in _parts(filters):
        included, excluded = escaped(value), f"!{escaped(value)}"
        said, opposite = _words(dimension, value, label)
        own, other = included, excluded
        if not is_included:
            said, opposite, own, other = opposite, said, excluded, included
        without = address.removing(dimension, own)
        turned = str(without.adding(dimension, other))
        parts.append(Chip(said, opposite, turned, str(without)))
    return parts


def _parts(filters: Filters) -> Iterator[tuple[str, Value, bool]]:
    """Yield each value in the filters, with its dimension, and whether it is included or excluded."""
    for dimension, filter_ in filters.items():
        for values, is_included in ((filter_.any_of, True), (filter_.none_of, False)):
            for value in sorted(values, key=lambda value: value or ""):
                yield dimension, value, is_included


def _words(dimension: str, value: Value, label: Label) -> tuple[str, str]:
    """Return the wording of the filter that includes a value, and of the filter that excludes it."""
    named = {"dimension": cards.label(dimension), "value": label(dimension, value, language())}
    is_, is_not = gettext("%(dimension)s is %(value)s", **named), gettext("%(dimension)s is not %(value)s", **named)
    names = (SWITCH_LABELS.get((dimension, f"{sign}{escaped(value)}")) for sign in ("", "!"))
    included, excluded = (str(name or words) for name, words in zip(names, (is_, is_not), strict=True))
    return included, excluded
