"""What one client watches: pages, each with the client's own spellings."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from koyjabo.base.core.sanitize import whole
from koyjabo.base.core.urls import before_query
from koyjabo.counting.stats import encode

Paths = Sequence[tuple[str, str]]
"""Paths as they were sent, each with its page."""


class Watched(NamedTuple):
    """The pages that a client watches, with the client's spellings of each page."""

    address: str = ""  # the key of its limits; "" without limits
    pages: dict[str, str] = {}
    """The spellings of each page without queries: each as JSON, on its own line; "" for the page as it is stored."""
    paths: int = 0  # pages and other spellings
    size: int = 0  # bytes of the kept paths

    @classmethod
    def of(cls, paths: Paths, address: str, earlier: "Watched | None" = None) -> "Watched":
        """The pages that these paths name, and the pages that the client watched earlier."""
        lines = {page: dict.fromkeys(earlier.lines_of(page)) for page in earlier.pages} if earlier else {}
        for path, page in paths:
            lines.setdefault(page, {})[encode(whole(before_query(path)))] = None
        pages = {page: "" if list(own) == [encode(page)] else "\n".join(own) for page, own in lines.items()}
        size = sum(map(len, pages)) + sum(map(len, pages.values()))
        return cls(address, pages, sum(map(len, lines.values())), size)

    def lines_of(self, page: str) -> list[str]:
        return (self.pages[page] or encode(page)).split("\n")

    def part(self, pages: Iterable[str]) -> "Watched":
        """The part with only these pages."""
        own = {page: self.pages[page] for page in pages if page in self.pages}
        return Watched.of((), self.address, Watched(pages=own))

    def with_part(self, new: "Watched", old: "Watched") -> "Watched":
        """Return a copy with `new` in place of the part `old`. Both share `pages`, because a client may watch many
        pages and add to them often.
        """
        self.pages.update(new.pages)
        return self._replace(paths=self.paths + new.paths - old.paths, size=self.size + new.size - old.size)
