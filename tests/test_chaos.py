"""The fault campaign detects broken promises. `make chaos` runs the campaign itself."""

from typing import Any

import pytest
from chaos.journal import Journal, Seen
from chaos.ledger import check_events, check_rows, check_sums, check_times

AYESHA, KARIM, RAHIM = ("ayesha", "1"), ("karim", "1"), ("rahim", "1")
WHOLE = [(1, 1, *AYESHA), (2, 2, *KARIM)]


@pytest.fixture
def journal() -> Journal:
    """A journal where Ayesha's visit has number 1 and Karim's has number 2."""
    made = Journal()
    for ordinal, visit in enumerate((AYESHA, KARIM), 1):
        made.sending(visit)
        made.acknowledged(visit, ordinal, duplicate=False)
    return made


def stats(total: int, revision: int, **more: Any) -> dict[str, Any]:
    return {"totalVisitors": total, "revision": revision, "epoch": "mj8k2f1x", **more}


def answer(visit: tuple[str, str], ordinal: int, duplicate: bool):
    def check(journal: Journal) -> None:
        journal.sending(visit)
        journal.acknowledged(visit, ordinal, duplicate)

    return check


def rows(*rows: tuple, lost: tuple = ()):
    def check(journal: Journal) -> None:
        if lost:  # the client has not received its second number
            with journal.losing():
                answer(RAHIM, 3, False)(journal)
        check_rows(journal, [*rows], lost=[*lost])

    return check


def events(*rows: tuple[str, str]):
    def check(journal: Journal) -> None:
        journal.sending_events([AYESHA, KARIM])
        journal.events_acknowledged([AYESHA])
        check_events(journal, [*rows])

    return check


def attended(attended_ms: int, clock_steps: int = 0):
    """For 10 of the 30 s, two tabs were open."""

    def check(journal: Journal) -> None:
        journal.clock_steps = clock_steps
        check_times(journal, {AYESHA: attended_ms}, {AYESHA: [(0, 20_000), (0, 10_000), (50_000, 60_000)]})

    return check


def shown(after: dict[str, Any]):
    def check(journal: Journal) -> None:
        seen = Seen(journal, "a page")
        seen.see(stats(5, 8), pushed=True)
        seen.see(after, pushed=True)

    return check


@pytest.mark.parametrize(
    ("check", "what"),
    [
        (answer(AYESHA, 1, True), ""),
        (answer(AYESHA, 2, True), "was answered ordinal 1, and then 2"),
        (answer(AYESHA, 1, False), "was called new 2 times"),
        (answer(RAHIM, 3, True), "was called a retry the first time"),
        (answer(RAHIM, 2, False), "ordinal 2 was given to"),
        (rows(*WHOLE), ""),
        (rows(WHOLE[0]), "is not in the ledger"),
        (rows(WHOLE[0], (3, 3, *KARIM)), "row 2 of the ledger is number 3"),
        (rows(WHOLE[0], (2, 1, *KARIM)), "row 2 of the ledger is number 2 with ordinal 1"),
        (rows((1, 1, *KARIM), (2, 2, *AYESHA)), "and is 2 in the ledger"),
        (rows(*WHOLE, (3, 3, *KARIM)), "1 visits are in the ledger twice"),
        (rows(*WHOLE, (3, 3, *RAHIM)), "were never sent"),
        (rows(*WHOLE, (3, 4, *RAHIM), lost=((2, 3),)), ""),
        (events(AYESHA, KARIM), ""),
        (events(AYESHA), ""),
        (events(AYESHA, AYESHA), "2 events are in 1 places"),
        (events(KARIM), "are not in the database"),
        (events(AYESHA, RAHIM), "were never sent"),
        (attended(30_000), ""),
        (attended(40_000), "attended"),
        (attended(40_000, clock_steps=1), ""),
        (attended(0), "attended"),
        (shown(stats(4, 9)), "was shown 4 after 5"),
        (shown(stats(6, 8)), "total 6 at revision 8 followed 5 at 8"),
        (shown(stats(4, 9, stale=True)), "total 4 at revision 9 followed 5 at 8"),
        (shown(stats(6, 9, epoch="another")), "was shown another epoch"),
        (lambda journal: check_sums(journal, (2,) * 8), ""),
        (lambda journal: check_sums(journal, (2,) * 7 + (3,)), "3"),
    ],
)
def test_only_a_contradiction_of_the_responses_counts_as_a_breach(journal, check, what):
    check(journal)
    breaches = "; ".join(breach.what for breach in journal.breaches)
    assert what in breaches
    assert bool(what) == bool(breaches)
