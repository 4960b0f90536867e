"""The addresses to which a view leads, beside those of its parts."""

from __future__ import annotations

from koyjabo.reports.engine.answers import MOST_ROWS
from koyjabo.reports.ui.address import Address
from koyjabo.reports.ui.base import Base

SHOWN = ("metric", "granularity", "tabs", "by", "offset", "find")
"""Parameters of the shown parts of a view, beside those of the question."""


class Links:
    base: Base
    address: Address

    def all(self, dimension: str) -> str:
        return str(self._lists.having({"by": dimension, "find": None}))

    @property
    def _lists(self) -> Address:
        return self.address.at(self.base.lists or self.base.path)

    @property
    def back(self) -> str:
        """From a whole list to the cards."""
        return str(self.address.having({"by": None, "find": None}))

    @property
    def whole(self) -> str:
        return str(self.address.having({"whole": "1"}))

    @property
    def shared(self) -> str:
        return str(self.address.without((*SHOWN, "compare")).at(self.base.share))

    def csv_of_values(self, dimension: str) -> str:
        """With all values that one answer can have."""
        return self.csv("breakdown", by=dimension, limit=str(MOST_ROWS))

    def csv(self, call: str, **values: str) -> str:
        """The address of a report as a file."""
        unknown = SHOWN if call == "summary" else (*SHOWN, "compare")
        return str(self.address.without(unknown).at(f"{self.base.reports}/{call}").having({**values, "format": "csv"}))
