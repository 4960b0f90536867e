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


def breaches(journal: Journal) -> str:
    return "; ".join(breach.what for breach in journal.breaches)


@pytest.mark.parametrize(
    ("visit", "ordinal", "duplicate", "what"),
    [
        (AYESHA, 1, True, ""),
        (AYESHA, 2, True, "was answered ordinal 1, and then 2"),
        (AYESHA, 1, False, "was called new 2 times"),
        (RAHIM, 3, True, "was called a retry the first time"),
    ],
)
def test_a_response_that_contradicts_an_earlier_one_is_a_breach(journal, visit, ordinal, duplicate, what):
    journal.sending(visit)
    journal.acknowledged(visit, ordinal, duplicate)
    assert what in breaches(journal)
    assert bool(what) == bool(journal.breaches)


def test_a_complete_ledger_is_no_breach_even_with_a_visit_that_was_not_acknowledged(journal):
    journal.sending(RAHIM)
    check_rows(journal, [*WHOLE, (3, 3, *RAHIM)])
    check_sums(journal, (2, 2, 2, 2, 2, 2, 2, 2))
    assert breaches(journal) == ""


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (WHOLE[:1], "is not in the ledger"),
        ([WHOLE[0], (3, 3, *KARIM)], "row 2 of the ledger is number 3"),
        ([WHOLE[0], (2, 1, *KARIM)], "row 2 of the ledger is number 2 with ordinal 1"),
        ([(1, 1, *KARIM), (2, 2, *AYESHA)], "and is 2 in the ledger"),
        ([*WHOLE, (3, 3, *KARIM)], "1 visits are in the ledger twice"),
        ([*WHOLE, (3, 3, *RAHIM)], "were never sent"),
    ],
)
def test_a_ledger_that_contradicts_the_responses_is_a_breach(journal, rows, what):
    check_rows(journal, rows)
    assert what in breaches(journal)


def test_a_visit_that_the_database_lost_is_a_breach_unless_an_adjustment_lists_it(journal):
    with journal.losing():
        journal.sending(RAHIM)
        journal.acknowledged(RAHIM, 3, duplicate=False)
    check_rows(journal, [*WHOLE, (3, 4, *RAHIM)], lost=[(2, 3)])  # the client has not received its second number
    assert breaches(journal) == ""
    check_rows(journal, WHOLE)
    assert "is not in the ledger" in breaches(journal)


def test_a_visit_number_that_is_given_again_after_a_rollback_is_a_breach(journal):
    with journal.losing():
        journal.sending(RAHIM)
        journal.acknowledged(RAHIM, 2, duplicate=False)
    assert "ordinal 2 was given to" in breaches(journal)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([AYESHA, KARIM], ""),
        ([AYESHA], ""),
        ([AYESHA, AYESHA], "2 events are in 1 places"),
        ([KARIM], "are not in the database"),
        ([AYESHA, RAHIM], "were never sent"),
    ],
)
def test_an_event_that_is_lost_or_doubled_or_unknown_is_a_breach(journal, rows, what):
    journal.sending_events([AYESHA, KARIM])
    journal.events_acknowledged([AYESHA])
    check_events(journal, rows)
    assert what in breaches(journal)
    assert bool(what) == bool(journal.breaches)


@pytest.mark.parametrize(
    ("attended_ms", "clock_steps", "is_right"),
    [
        (1, 0, True),
        (30_000, 0, True),
        (40_000, 0, False),
        (40_000, 1, True),
        (0, 0, False),
    ],
)
def test_a_time_that_is_counted_twice_or_not_at_all_is_a_breach(journal, attended_ms, clock_steps, is_right):
    """For 10 of the 30 s, two tabs were open."""
    journal.clock_steps = clock_steps
    check_times(journal, {AYESHA: attended_ms}, {AYESHA: [(0, 20_000), (0, 10_000), (50_000, 60_000)]})
    assert bool(journal.breaches) != is_right


def stats(total: int, revision: int, **more: Any) -> dict[str, Any]:
    return {"totalVisitors": total, "revision": revision, "epoch": "mj8k2f1x", **more}


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        (stats(4, 9), "was shown 4 after 5"),
        (stats(6, 8), "total 6 at revision 8 followed 5 at 8"),
        (stats(4, 9, stale=True), "total 4 at revision 9 followed 5 at 8"),
        (stats(6, 9, epoch="another"), "was shown another epoch"),
    ],
)
def test_a_total_that_falls_on_a_socket_is_a_breach(journal, shown, what):
    seen = Seen(journal, "a page")
    seen.see(stats(5, 8), pushed=True)
    seen.see(shown, pushed=True)
    assert what in breaches(journal)
