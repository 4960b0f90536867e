"""The active filters as chips, each with links to invert and to remove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask_babel import gettext as _

from koyjabo.reports.query.parameters import escaped
from koyjabo.reports.query.report_query import Filters, Question, Value
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.address import PageAddress
from koyjabo.webkit.i18n import language

Label = Callable[[str, Value, str], str]


class Chip(NamedTuple):
    words: str  # "Page is /fares"
    opposite: str  # "Page is not /fares"
    turned: str  # the URL of the view with the opposite filter
    without: str


def words(filters: Filters, label: Label) -> list[str]:
    """Return the filters in words, for a list of views."""
    parts = []
    for dimension, filter_ in filters.items():
        parts += [_words(dimension, value, label)[0] for value in _sorted(filter_.any_of)]
        parts += [_words(dimension, value, label)[1] for value in _sorted(filter_.none_of)]
    return parts


def chips(question: Question, address: PageAddress, label: Label) -> list[Chip]:
    parts = []
    for dimension, filter_ in question.filters.items():
        parts += [_chip(dimension, value, True, address, label) for value in _sorted(filter_.any_of)]
        parts += [_chip(dimension, value, False, address, label) for value in _sorted(filter_.none_of)]
    return parts


def without_filters(question: Question, address: PageAddress) -> str:
    return str(address.without({"offset", *question.filters}))


def _sorted(values: frozenset[Value]) -> list[Value]:
    return sorted(values, key=lambda value: value or "")


def _chip(dimension: str, value: Value, is_included: bool, address: PageAddress, label: Label) -> Chip:
    signs = ("", "!") if is_included else ("!", "")
    own, other = (sign + escaped(value) for sign in signs)
    pair = _words(dimension, value, label)
    said, opposite = pair if is_included else pair[::-1]
    without = address.removing(dimension, own)
    return Chip(said, opposite, str(without.adding(dimension, other)), str(without))


def _words(dimension: str, value: Value, label: Label) -> tuple[str, str]:
    """Return the wording of the filter that includes a value, and of the filter that excludes it."""
    named = {"dimension": cards.label(dimension), "value": label(dimension, value, language())}
    return str(_("%(dimension)s is %(value)s", **named)), str(_("%(dimension)s is not %(value)s", **named))
