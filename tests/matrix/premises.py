"""The sentences of other people's manuals that our promises rest on, and what happens on the day one is false.

A premise has three lines: the program and what it promises, in our words; the manual and its section, our guarantee,
and the outcome; the test that breaks the premise, or the cell (`table: surface / distortion`). An accepted premise
has a reason instead.

| outcome | meaning |
| --- | --- |
| holds anyway | the guarantee holds without the premise |
| waits | nothing is counted at first, and the server goes on by itself |
| refused | a sentence or a code, and nothing is counted |
| said | the log, `/readyz` or *Server* names what is missing |
| accepted | the guarantee is void, for the reason |
"""

from __future__ import annotations

from typing import NamedTuple

from matrix.premise_rows import PREMISE_ROWS

HOLDS, WAITS, REFUSED, SAID, ACCEPTED = OUTCOMES = ("holds anyway", "waits", "refused", "said", "accepted")
MAX_ACCEPTED = 15


class Premise(NamedTuple):
    program: str
    promise: str
    source: str
    guarantee: str
    outcome: str
    proof: str
    """A test, a cell, or why the premise is accepted."""

    def as_json(self) -> dict[str, str | bool]:
        is_accepted = self.outcome == ACCEPTED
        return {
            "table": "premises",
            "surface": f"{self.program}: {self.promise}",
            "distortion": self.source,
            "outcome": self.outcome,
            "why": self.proof if is_accepted else self.guarantee,
            "quick": False,
            "test": "" if is_accepted else self.proof,
        }


def _premises() -> list[Premise]:
    lines = [line.strip() for line in PREMISE_ROWS.splitlines() if line.strip()]
    premises = []
    for first, second, proof in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        program, _, promise = first.partition(": ")
        premises.append(Premise(program, promise, *second.split(" | "), proof))
    return premises


PREMISES = _premises()
