"""A view's URL: its parameters and its variants."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlencode

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PageAddress:
    """A URL with parameters. Templates use it as a string."""

    path: str
    pairs: Pairs

    def __str__(self) -> str:
        return self.path + (f"?{urlencode(self.pairs)}" if self.pairs else "")

    def first(self, name: str) -> str:
        """Return the first value of a parameter, or "" if it is missing."""
        return next((value for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def having(self, changes: Mapping[str, str | None]) -> "PageAddress":
        """Return the URL with these parameters replaced; None removes a parameter. Lists restart at their first
        page.
        """
        added = [(name, value) for name, value in changes.items() if value is not None]
        return replace(self, pairs=(*self._but({"offset", *changes}), *added))

    def adding(self, name: str, value: str) -> "PageAddress":
        kept = self.removing(name, value)
        return replace(kept, pairs=(*kept.pairs, (name, value)))

    def removing(self, name: str, value: str) -> "PageAddress":
        return replace(self, pairs=tuple(pair for pair in self._but({"offset"}) if pair != (name, value)))

    def without(self, names: Collection[str]) -> "PageAddress":
        return replace(self, pairs=tuple(self._but(names)))

    def at(self, path: str) -> "PageAddress":
        return replace(self, path=path)

    def _but(self, names: Collection[str]) -> Iterable[tuple[str, str]]:
        return (pair for pair in self.pairs if pair[0] not in names)


class Choice(NamedTuple):
    url: str
    label: str
    is_chosen: bool = False
    key: str = ""  # its shortcut key
    about: str = ""  # the days it covers now, with their weekdays
