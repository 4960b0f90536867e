"""A table: surfaces down, distortions across, and in each cell what has to happen.

A row of a table is text: the surface, two spaces, and one letter for each distortion. Several letters are
outcomes at the places of a third axis, one for each. Surfaces with the same letters may share a row.

    HOST        c c r r c -
    PORT, PATH  r c r r c -

| letter | outcome | the test of the cell asserts |
| --- | --- | --- |
| c | counts | the visit counts exactly once, and is shown |
| r | refused | the sentence or code in `says`; nothing is counted |
| w | waits | 503 or a pause, and it goes on by itself within 30 s of the end of the cause |
| g | goes without | the rest works, and the sentence in `says` names what is missing |
| m | means nothing | the result is the same as without the distortion |
| - | empty | nothing: the cell cannot be, for the reason in `reasons` |
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

import pytest

WORDS = {"c": "counts", "r": "refused", "w": "waits", "g": "goes without", "m": "means nothing", "-": ""}

ANY = "*"
HAND = "by hand: "
"""How the reason of a cell begins that no test makes, because it needs another machine."""

Texts = dict[tuple[str, str], str]
"""Texts by patterns of a surface and of a distortion, with `*` as in names of files. The first that fits applies."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A surface under a distortion. `place` is where the two meet in tables with a third axis, else empty."""

    table: Table
    surface: str
    distortion: str
    place: str
    is_quick: bool = False
    """Whether `make test` runs it."""

    @property
    def outcome(self) -> str:
        """One of the words of `WORDS`, empty for a cell that cannot be."""
        return WORDS[self.table.letter_at(self.surface, self.distortion, self.place)]

    @property
    def says(self) -> str:
        """A part of the sentence, or the code, that the test asserts. Else empty."""
        return self.text_of(self.table.says)

    @property
    def why(self) -> str:
        return self.text_of(self.table.reasons)

    @property
    def loud(self) -> str:
        """Why `/readyz` does not report it; empty if it has to."""
        return self.text_of(self.table.loud)

    def text_of(self, texts: Texts) -> str:
        return next((text for key, text in texts.items() if all(map(fnmatchcase, self.pair, key))), "")

    @property
    def pair(self) -> tuple[str, str]:
        return (self.surface, self.distortion)

    @property
    def id(self) -> str:
        return "-".join(filter(None, (self.surface, self.distortion, self.place))).replace(" ", "_")

    @property
    def method(self) -> str:
        """The surface as the name of a method."""
        return re.sub(r"\W+", "_", self.surface.lower())

    def as_json(self) -> dict[str, str | bool]:
        return {
            "table": self.table.name,
            "surface": " / ".join(filter(None, (self.surface, self.place))),
            "distortion": self.distortion,
            "outcome": self.outcome,
            "why": self.why or self.says,
            "quick": self.is_quick,
            "test": f"{self.table.test}[{self.id}]" if self.outcome and not self.why.startswith(HAND) else "",
        }


@dataclass
class Table:
    name: str
    test: str
    """Its test: `matrix/test_settings.py::test_name`."""

    distortions: tuple[str, ...]
    rows: str
    """Lines of surfaces, two spaces or more, and for each distortion a letter, or one for each place."""

    reasons: Texts = field(default_factory=dict)
    """Why a cell is empty, or why its outcome is not the obvious one."""

    says: Texts = field(default_factory=dict)
    loud: Texts = field(default_factory=dict)
    """Why `/readyz` does not report a distortion (`quiet.py`)."""

    places: tuple[str, ...] = ("",)
    absent: frozenset[tuple[str, str]] = frozenset()
    """Pairs of a surface or a distortion and a place that cannot be."""

    is_quick_in_each_row: bool = False
    """Whether `make test` runs one cell of each row and column, and not one of the whole table."""

    quick_places: tuple[str, ...] = ()
    """Places that `make test` prefers, the first most, because each other place costs a page."""

    @cached_property
    def letters(self) -> dict[tuple[str, str], str]:
        """The letters by surface and distortion."""
        letters = {}
        for line in filter(None, map(str.strip, self.rows.splitlines())):
            surfaces, _, marks = line.partition("  ")
            for surface in surfaces.split(", "):
                letters |= {(surface, name): mark for name, mark in zip(self.distortions, marks.split(), strict=True)}
        return letters

    @property
    def surfaces(self) -> list[str]:
        return list(dict.fromkeys(surface for surface, _ in self.letters))

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells that can be, in a place each, and more where a pair with a place would be in none."""
        drawn = self._draw()
        quick = self._quick(drawn)
        return [Cell(self, *cell, is_quick=number in quick) for number, cell in enumerate(drawn)]

    @property
    def empty_cells(self) -> list[Cell]:
        return [Cell(self, *pair, "") for pair, mark in self.letters.items() if mark == "-"]

    def parameters(self) -> list[object]:
        """Values for `pytest.mark.parametrize("cell", …)`. All but the quick ones are `long`."""
        return [pytest.param(cell, id=cell.id, marks=() if cell.is_quick else self.long) for cell in self.cells]

    def pages(self, name_of: Callable[[Cell], str]) -> list[object]:
        """Lists of cells as values. Quick cells with one name share a page, and have their own as `long` ones."""
        shared: dict[str, list[Cell]] = defaultdict(list)
        pages = []
        for cell in self.cells:
            name = name_of(cell) if cell.is_quick else ""
            pages.append(pytest.param([cell], id=cell.id, marks=self.long if name or not cell.is_quick else ()))
            if name:
                shared[name].append(cell)
        return [*(pytest.param(cells, id=f"quick-{name}") for name, cells in shared.items()), *pages]

    @property
    def long(self) -> pytest.MarkDecorator:
        return pytest.mark.long(proved_by=self.test)

    def letter_at(self, surface: str, distortion: str, place: str) -> str:
        letters = self.letters[surface, distortion]
        return letters[self.places.index(place)] if len(letters) > 1 else letters

    def pairs_with_places(self) -> set[tuple[str, str]]:
        """The pairs of a surface or a distortion and a place that have to be in a cell."""
        filled = [pair for pair, mark in self.letters.items() if mark != "-"]
        pairs = {(value, place) for pair in filled for value in pair for place in self.places}
        return pairs - self.absent

    def _draw(self) -> list[tuple[str, str, str]]:
        """Give each cell the place whose pairs are in the fewest cells, then add cells for pairs that are in none."""
        used: Counter[tuple[str, str]] = Counter()
        drawn = []

        def draw(surface: str, distortion: str, places: list[str]) -> None:
            place = min(places, key=lambda place: (used[surface, place] + used[distortion, place], used[ANY, place]))
            used.update([(surface, place), (distortion, place), (ANY, place)])
            drawn.append((surface, distortion, place))

        filled = {pair: self._places_of(*pair) for pair, mark in self.letters.items() if mark != "-"}
        for (surface, distortion), places in filled.items():
            draw(surface, distortion, places)
        for value, place in sorted(self.pairs_with_places()):
            if not used[value, place]:
                others = [pair for pair, places in filled.items() if value in pair and place in places]
                draw(*min(others, key=lambda pair: used[pair[0], place] + used[pair[1], place]), [place])
        return drawn

    def _places_of(self, surface: str, distortion: str) -> list[str]:
        places = [place for place in self.places if self.letter_at(surface, distortion, place) != "-"]
        return [place for place in places if not self.absent & {(surface, place), (distortion, place)}]

    def _quick(self, drawn: list[tuple[str, str, str]]) -> set[int]:
        """The first cell, or cells near the diagonal, which have most rows and columns in the fewest cells."""
        if not self.is_quick_in_each_row:
            return {0}
        rows, columns, preferred = self.surfaces, self.distortions, self.quick_places

        def rank(number: int) -> tuple[int, int]:
            surface, distortion, place = drawn[number]
            order = preferred.index(place) if place in preferred else len(preferred)
            return order, (columns.index(distortion) - rows.index(surface)) % len(columns)

        seen: set[str] = set()
        quick = set()
        for number in sorted(range(len(drawn)), key=rank):
            if not seen.issuperset(drawn[number][:2]):
                quick.add(number)
                seen.update(drawn[number][:2])
        return quick
