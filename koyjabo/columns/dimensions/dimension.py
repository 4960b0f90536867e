"""A dimension of reports: its label, and how its values are stored and shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.urls import normal, shown
from koyjabo.base.network import location_names

NO_VALUE, IS_DIRECT, IS_UNKNOWN, IS_NOT_MEASURED = N_("None"), N_("Direct"), N_("Unknown"), N_("Not measured")
"""Labels of visits without a value: direct visits have no source, other values are unknown (glossary)."""


def place_label(value: str, language: str) -> str:
    return location_names.in_language(location_names.COUNTRIES_BY_CODE.get(value, value), language)


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension, or a filter without a dimension. Labels are marked with `N_`."""

    name: str
    label: str
    card: str = ""  # the card of reports that has it as a tab, in the order of the table; "": none
    words: Mapping[str, str] = field(default_factory=dict)  # labels of its values, by value
    without: str = NO_VALUE  # label of visits without a value
    stored: Callable[[str], str] = str  # returns the stored spelling of a typed value
    shown: Callable[[str, str], str] = lambda value, _language: value  # returns the label of a value without words
    is_address: bool = False  # its values are pages
    is_counted: bool = False  # its rows have a `count` of page views or events: a visit can have several values
    is_filter_only: bool = False
    order: tuple[str, ...] = ()  # its values in the order of its rows; all others follow, most visits first

    def place(self, value: str | None) -> int:
        """The position of a value among the rows. All values outside `order` share the last position."""
        return self.order.index(value) if value in self.order else len(self.order)

    def is_named(self, value: str | None) -> bool:
        """Whether a value names something, as Direct does. Visits without a name are last on pages."""
        return value is not None or self.without == IS_DIRECT

    def default_rows(self, least: int) -> int:
        """The number of rows of a list without a limit: at least `least`, and all values that have an order."""
        return max(least, len(self.order))


def page_dimension(name: str, label: str, is_counted: bool = False) -> Dimension:
    return Dimension(
        name,
        label,
        "pages",
        without=N_("(no page sent)"),
        stored=normal,
        shown=lambda value, _language: shown(value),
        is_address=True,
        is_counted=is_counted,
    )
