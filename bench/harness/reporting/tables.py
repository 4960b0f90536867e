"""Prints tables and ratios with targets, and writes the same text to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

import click

import figures
from figures import NEXT_MACHINE, processor

Candidate = TypeVar("Candidate", bound=Any)


class Report:
    """Prints lines, and keeps them to save as one text, bench/results/<name>.txt."""

    def __init__(self, name: str = "") -> None:
        self._path = figures.RESULTS / f"{name}.txt"
        self._lines: list[str] = []

    def say(self, text: str = "") -> None:
        click.echo(text)
        self._lines.append(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table with columns as wide as their contents, the first one left-aligned and figures
        right-aligned.
        """
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for first, *others in (head, ["-" * width for width in widths], *rows):
            cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            self.say("  ".join((first.ljust(widths[0]), *cells)).rstrip())
        self.say()

    def save(self) -> None:
        """Write the text to its file. It replaces the run on this processor, and keeps those on others."""
        text = "\n".join(line.rstrip() for line in self._lines) + "\n"
        runs = self._path.read_text().split(NEXT_MACHINE) if self._path.exists() else []
        others = [run for run in runs if processor(run) != processor(text)]
        self._path.write_text(NEXT_MACHINE.join([text, *others]))


NO_WORSE = 1.1
"""Limit for a ratio to the previous version: ratios vary by a tenth between runs."""


@dataclass(frozen=True)
class Target:
    """A figure with its limit: `least`, `most`, or neither if it is only shown."""

    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    unit: str = "×"

    @property
    def met(self) -> bool:
        over = self.least is None or self.measured >= self.least
        return over and (self.most is None or self.measured <= self.most)

    def row(self) -> list[str]:
        bounds = [f"{sign} {bound:.2f}" for sign, bound in (("≥", self.least), ("≤", self.most)) if bound is not None]
        return [
            self.what,
            f"{self.measured:.2f} {self.unit}",
            f"{' and '.join(bounds)} {self.unit}" if bounds else "-",
            ("met" if self.met else "missed") if bounds else "",
        ]


def say_targets(report: Report, targets: Sequence[Target]) -> None:
    if targets:
        report.table(("target", "measured", "wanted", ""), [target.row() for target in targets])


def ratio(ours: Sequence[Any], theirs: Sequence[Any], figure: Callable[[Any], float]) -> float:
    """The median of a figure's per-round ratios, because a disturbance affects both values of a round."""
    return median(figure(one) / max(figure(other), 1e-9) for one, other in zip(ours, theirs, strict=True))


def in_turn(candidates: Sequence[Candidate], rounds: int, words: str = "") -> Iterator[Candidate]:
    """Yield all candidates in turn, `rounds` times, so that other work on the machine affects them equally. Prints
    their names as progress.
    """
    steps = rounds * len(candidates)
    for step in range(steps):
        candidate = candidates[step % len(candidates)]
        progress(step + 1, steps, f"{candidate.name}{words}")
        yield candidate


def progress(step: int, steps: int, what: str) -> None:
    """Print progress to standard error, which is not part of the saved text."""
    click.echo(f"[{step:3d}/{steps}] {what}", err=True)
