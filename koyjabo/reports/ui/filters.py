"""The active filters as chips, each with links to invert and to remove it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from flask_babel import gettext as _

from koyjabo.reports.query.parameters import escaped
from koyjabo.reports.query.report_query import Filters, Value
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.address import PageAddress
from koyjabo.web.i18n import language

Label = Callable[[str, Value, str], str]


class Chip(NamedTuple):
    words: str  # "Page is /fares"
    opposite: str  # "Page is not /fares"
    turned: str  # the URL of the view with the opposite filter
    without: str


def words(filters: Filters, label: Label) -> list[str]:
    """Return the filters in words, for a list of views."""
    return [_words(dimension, value, label)[not is_included] for dimension, value, is_included in _parts(filters)]


def chips(filters: Filters, address: PageAddress, label: Label) -> list[Chip]:
    parts = []
    for dimension, value, is_included in _parts(filters):
        included, excluded = escaped(value), f"!{escaped(value)}"
        said, opposite = _words(dimension, value, label)
        own, other = included, excluded
        if not is_included:
            said, opposite, own, other = opposite, said, excluded, included
        without = address.removing(dimension, own)
        parts.append(Chip(said, opposite, str(without.adding(dimension, other)), str(without)))
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
    return str(_("%(dimension)s is %(value)s", **named)), str(_("%(dimension)s is not %(value)s", **named))
