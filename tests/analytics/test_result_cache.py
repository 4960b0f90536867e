"""Answers that are kept: the newest, no longer than they are true, and no more of them than there is room for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from koyjabo.analytics.result_cache import ResultCache


def test_answer_is_kept_while_the_stamp_is_the_same():
    kept = ResultCache(10)
    kept.store("question", 1, ["answer"])
    assert kept.get("question", 1) == ["answer"]
    assert kept.get("question", 2) is None
    assert kept.get("another", 1) is None
    kept.store("question", 2, ["new"])
    assert (kept.get("question", 1), kept.get("question", 2)) == (None, ["new"])


def test_those_that_were_asked_for_last_are_kept():
    kept = ResultCache(3)
    for question in "abc":
        kept.store(question, 1, [question])
    assert kept.get("a", 1) == ["a"]
    kept.store("d", 1, ["d"])
    assert [kept.get(question, 1) for question in "abcd"] == [["a"], None, ["c"], ["d"]]


def test_answer_takes_the_room_of_its_rows():
    kept = ResultCache(5)
    for question, rows in (("a", 2), ("b", 2), ("b", 3), ("c", 2), ("a", 1)):
        kept.store(question, 1, [question] * rows)
    assert [len(kept.get(question, 1) or ()) for question in "abc"] == [1, 0, 2]


def test_answer_without_room_is_not_kept():
    kept = ResultCache(5)
    kept.store("a", 1, ["a"] * 6)
    assert kept.get("a", 1) is None
    kept.store("b", 1, ["b"] * 5)
    assert kept.get("b", 1) == ["b"] * 5


def test_threads_lose_no_room():
    """For servers with a real thread for each request."""
    kept = ResultCache(40)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: kept.store(number % 15, 1, ["row"] * (number % 15)), range(2000)))
    assert 0 < kept._size == sum(len(rows) for _, rows, _ in kept._results.values()) <= 40
