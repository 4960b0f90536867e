"""Answers that are kept: the newest, no longer than they are true, and no more of them than there is room for."""

from __future__ import annotations

from koyjabo.analytics.result_cache import ResultCache


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
