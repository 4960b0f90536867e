"""The order of a list, in its address: `?sort=name`, or `?sort=-name` for descending."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from flask import Request

from koyjabo.webkit.pages import pagination


class Sorting(NamedTuple):
    order: str

    @classmethod
    def of(cls, request: Request, names: Collection[str], default: str) -> Sorting:
        """The requested order if its name is among `names`."""
        wanted = request.args.get("sort", "")
        return cls(wanted if wanted.removeprefix("-") in names else default)

    def direction(self, name: str) -> str:
        """The value of `aria-sort` for a column."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.order, "none")

    def url(self, name: str, is_text: bool) -> str:
        """The first page in the order of a column. Texts begin with the first and numbers with the largest; the column
        of the present order is turned round.
        """
        first, second = (name, f"-{name}") if is_text else (f"-{name}", name)
        wanted = second if self.order == first else first
        return pagination.this_page(sort=wanted, page=None, before=None, after=None)
