"""Parses the rows of visits with all readers, and knows whether visits that were parsed earlier are still valid."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any
from zlib import crc32

from .dimensions import Value
from .readers import PARSED_COLUMNS, READERS, READERS_VERSION, Reader
from .sources import Sources

Traits = tuple[Value, ...]
"""The parsed values of a visit, in the order of `readers.TRAITS`. None if not recorded."""


class TraitParser:
    """Parses rows. Pages on `own_hosts` (PUBLIC_URL, ALLOWED_ORIGINS) are not sources. The first row loads the rules
    for user agents (`base.network.user_agents`).
    """

    rules = 0
    """A 31-bit hash that changes if the parser may read visits differently."""

    def __init__(self, own_hosts: Iterable[str] = ()) -> None:
        self.sources = Sources()
        self._parse = self.rows(PARSED_COLUMNS)
        self.follow(sorted(own_hosts))

    def follow(self, own_hosts: Sequence[str]) -> bool:
        """Change the own hosts, given in order. Returns whether the parser may now read visits differently."""
        table = [[reader.dimensions, reader.columns] for reader in READERS]
        rules = crc32(json.dumps([READERS_VERSION, table, own_hosts]).encode()) >> 1
        if rules == self.rules:
            return False
        self.sources.follow(own_hosts)
        self.rules = rules
        return True

    def of(self, visit: Mapping[str, Any]) -> Traits:
        """Parse a visit from its columns by name, as they are stored."""
        return self._parse([visit[name] for name in PARSED_COLUMNS])

    def rows(self, columns: Sequence[str]) -> Callable[[Sequence[Any]], Traits]:
        """Return a function that parses a row with these columns."""
        reads = [self._of_row(reader, *map(columns.index, reader.columns)) for reader in READERS]

        def parse(row: Sequence[Any]) -> Traits:
            traits: Traits = ()
            for read in reads:
                traits += read(row)
            return traits

        return parse

    def _of_row(self, reader: Reader, place: int, *others: int) -> Callable[[Sequence[Any]], Traits]:
        """Return a function that reads a reader's dimensions from a row. `place` and `others` are the positions of the
        reader's columns.
        """
        read = partial(reader.read, self.sources) if reader.has_sources else reader.read
        if not others:
            return lambda row: read(row[place])
        pick = itemgetter(place, *others)
        return lambda row: read(*pick(row))
