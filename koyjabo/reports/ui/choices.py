"""The comparisons and switches that a view offers."""

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.columns.query.report_query import Filters
from koyjabo.reports.query.comparisons import NO_COMPARISON, PREVIOUS_PERIOD, YEAR
from .filters import SWITCH_LABELS
from .page_address import Choice, PageAddress

COMPARISON_LABELS: dict[str, LazyString] = {
    PREVIOUS_PERIOD: _("Previous period"),
    YEAR: _("Previous year"),
    NO_COMPARISON: _("No comparison"),
}
"""Labels by value of the `compare` parameter."""


def comparisons(address: PageAddress, chosen: str) -> list[Choice]:
    toggled = NO_COMPARISON if chosen != NO_COMPARISON else PREVIOUS_PERIOD  # what the X key switches to
    return [
        Choice(str(address.having({"compare": name})), str(label), name == chosen, "X" * (name == toggled))
        for name, label in COMPARISON_LABELS.items()
    ]


def switches(address: PageAddress, filters: Filters) -> list[Choice]:
    """Return the switches, except those for dimensions in `filters`, which readers cannot change."""
    choices = []
    for (dimension, value), label in SWITCH_LABELS.items():
        is_on = (dimension, value) in address.pairs
        toggled = address.removing(dimension, value) if is_on else address.without({dimension}).adding(dimension, value)
        if dimension not in filters:
            choices.append(Choice(str(toggled), str(label), is_on))
    return choices
