"""The fault campaign notices what it is there to notice; the campaign itself is `make chaos`."""

from __future__ import annotations

from typing import Any

import pytest
from chaos.book import Book
from chaos.events import check_event_rows
from chaos.ledger import check_rows, check_sums
from chaos.seen import Seen

AYESHA, KARIM = ("ayesha", "1"), ("karim", "1")
EPOCH = "mj8k2f1x"


@pytest.fixture
def book() -> Book:
    """Ayesha's visit is 1, Karim's is 2."""
    made = Book()
    for ordinal, visit in enumerate((AYESHA, KARIM), 1):
        made.sending(visit)
        made.acknowledged(visit, ordinal, duplicate=False)
    return made


def breaches(book: Book) -> str:
    return "; ".join(breach.what for breach in book.breaches)


@pytest.mark.parametrize(
    ("visit", "ordinal", "duplicate", "what"),
    [
        (AYESHA, 1, True, ""),
        (AYESHA, 2, True, "was told ordinal 1, and then 2"),
        (AYESHA, 1, False, "was called new 2 times"),
        (("rahim", "1"), 3, True, "was called a retry the first time"),
    ],
)
def test_retry_that_is_told_something_else_is_a_breach(book, visit, ordinal, duplicate, what):
    book.sending(visit)
    book.acknowledged(visit, ordinal, duplicate)
    assert what in breaches(book) if what else breaches(book) == ""


def row(number: int, visit: tuple[str, str], ordinal: int | None = None) -> tuple:
    return number, ordinal or number, *visit


WHOLE = [row(1, AYESHA), row(2, KARIM)]


def test_whole_ledger_and_an_abandoned_visit_that_was_counted_are_no_breach(book):
    check_rows(book, WHOLE)
    check_sums(book, (2, 2, 2, 2, 2, 2, 2, 2))
    book.sending(("rahim", "1"))
    check_rows(book, [*WHOLE, row(3, ("rahim", "1"))])
    assert breaches(book) == ""
    assert book.counts["visits counted whose client had gone"] == 1


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (WHOLE[:1], "is not in the ledger"),
        ([row(1, AYESHA), row(3, KARIM)], "row 2 of the ledger is number 3"),
        ([row(1, AYESHA), row(2, KARIM, ordinal=1)], "row 2 of the ledger is number 2 with ordinal 1"),
        ([row(1, KARIM), row(2, AYESHA)], "and is 2 in the ledger"),
        ([*WHOLE, row(3, KARIM)], "1 visits are in the ledger twice"),
        ([*WHOLE, row(3, ("nobody", "1"))], "were never sent"),
    ],
)
def test_ledger_that_is_not_what_was_told_is_a_breach(book, rows, what):
    check_rows(book, rows)
    assert what in breaches(book)


@pytest.mark.parametrize("wrong", range(8))
def test_sum_that_is_no_recount_is_a_breach(book, wrong):
    check_sums(book, tuple(2 + (place == wrong) for place in range(8)))
    assert "sums and recount differ" in breaches(book)


def stats(total: int, revision: int, **more: Any) -> dict[str, Any]:
    return {"totalVisitors": total, "revision": revision, "epoch": EPOCH, **more}


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        (stats(4, 9), "was shown 4 after 5"),
        (stats(6, 8), "total 6 at revision 8 followed 5 at 8"),
        (stats(4, 9, stale=True), "total 4 at revision 9 followed 5 at 8"),
        (stats(6, 9, epoch="another"), "was shown another epoch"),
    ],
)
def test_number_that_falls_on_a_socket_is_a_breach(book, shown, what):
    seen = Seen(book, "a page")
    seen.see(stats(5, 8), pushed=True)
    seen.see(shown, pushed=True)
    assert what in breaches(book)


def test_only_stale_numbers_may_be_older_on_the_next_socket(book):
    seen = Seen(book, "a page")
    seen.see(stats(5, 8), pushed=True)
    seen.begin_line()
    seen.see(stats(4, 7, stale=True), pushed=True)
    assert breaches(book) == ""
    seen.begin_line()
    seen.see(stats(4, 7), pushed=True)
    assert "was shown 4 after 5" in breaches(book)


def test_breach_that_comes_often_hides_no_other(book):
    for number in range(100):
        book.breach(f"visitor {number} was not answered")
    book.breach("presence is wrong")
    assert [breach.what for breach in book.breaches][-1] == "presence is wrong"
    assert (len(book.breaches), book.counts["breaches"]) == (4, 101)


def test_events_that_are_lost_doubled_or_unknown_are_breaches(book):
    sent = [("ayesha", "1"), ("ayesha", "2"), ("karim", "1")]
    book.sending_events(sent)
    book.events_acknowledged(sent[:2])
    check_event_rows(book, sent, 3)
    check_event_rows(book, sent[:2], 2)
    assert breaches(book) == ""
    check_event_rows(book, [*sent, sent[0]], 4)
    check_event_rows(book, sent, 2)
    check_event_rows(book, sent[1:], 2)
    check_event_rows(book, [*sent, ("rahim", "1")], 4)
    assert [what in breaches(book) for what in ("4 events are in 3 places", "and 2 in sums")] == [True, True]
    assert [what in breaches(book) for what in ("are not in the database", "were never sent")] == [True, True]
