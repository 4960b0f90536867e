"""What features add to modules of earlier areas, which need not know them."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar

Key = TypeVar("Key")
Entry = TypeVar("Entry")


class RegistryNotFilled(RuntimeError):
    """A registry was read before `application.features.fill_registries` ran."""


class Registry(Mapping[Key, Entry]):
    """Entries by key. Its module's `own` entries are first. Features name theirs in `FILLS` in their `__init__.py`, and
    `application.features` adds them in the order of the features.
    """

    are_filled: ClassVar[bool] = False
    """Whether all registries are complete. Reading one raises RegistryNotFilled before that."""

    def __init__(self, own: Mapping[Key, Entry] | None = None) -> None:
        self._entries = dict(own or {})

    def fill(self, added: Mapping[Key, Entry]) -> None:
        """Add a feature's entries. Idempotent. Only `application.features` calls this."""
        self._entries.update(added)

    def __getitem__(self, key: Key) -> Entry:
        return self._all[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def _all(self) -> dict[Key, Entry]:
        if not self.are_filled:
            raise RegistryNotFilled("application.features.fill_registries has not run yet")
        return self._entries
