"""Pages of lists in the API: `?page=&per_page=`, and the headers `Link` (RFC 8288) and `X-Total-Count`."""

import re
from typing import NamedTuple
from urllib.parse import quote, urlencode

from flask import Request

from koyjabo.base.core.errors import InvalidInput

PER_PAGE, MAX_PER_PAGE = 20, 100
LAST_PAGE = 10**9

PAGING_ARGUMENTS = {"page": "from 1; default 1", "per_page": f"1 to {MAX_PER_PAGE}; default {PER_PAGE}"}
"""The query arguments for `describe`."""


class Paging(NamedTuple):
    """The requested page of a list."""

    page: int
    per_page: int
    path: str
    others: tuple[tuple[str, str], ...]  # the other query arguments

    @classmethod
    def of(cls, request: Request, per_page: int = PER_PAGE) -> "Paging":
        """Parse the requested page. `per_page` is the default. Raises InvalidInput with all invalid arguments."""
        rules = {"page": (1, LAST_PAGE), "per_page": (per_page, MAX_PER_PAGE)}
        given = {name: _number(request.args.get(name), *rule) for name, rule in rules.items()}
        bad = {name: f"must be a whole number from 1 to {rules[name][1]}" for name, value in given.items() if not value}
        if bad:
            raise InvalidInput(details=bad)
        others = tuple((name, value) for name, value in request.args.items(multi=True) if name not in rules)
        return cls(given["page"], given["per_page"], quote(request.script_root + request.path, safe="/%"), others)

    @property
    def start(self) -> int:
        return (self.page - 1) * self.per_page

    def last(self, total: int) -> int:
        """The number of the last page; 1 for an empty list."""
        return max(1, -(-total // self.per_page))

    def headers(self, total: int) -> list[tuple[str, str]]:
        last = self.last(total)
        pages = {"first": 1, "prev": min(self.page - 1, last), "next": self.page + 1, "last": last}
        links = []
        for name, page in pages.items():
            if 1 <= page <= last:
                query = urlencode([*self.others, ("page", page), ("per_page", self.per_page)])
                links.append(f'<{self.path}?{query}>; rel="{name}"')
        return [("Link", ", ".join(links)), ("X-Total-Count", str(total))]


def _number(text: str | None, default: int, most: int) -> int:
    """Parse a number. Returns 0 if it is not between 1 and `most`."""
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0
    return number if number <= most else 0
