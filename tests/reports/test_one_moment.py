"""All figures of a page come from one snapshot while visits arrive, and the page shows its last visit."""

from __future__ import annotations

import re
import threading
import time

import pytest
from support.people.admins import panel
from support.people.page_readers import words
from support.programs.patience import PATIENCE_S
from support.programs.threads import in_thread

from koyjabo.core.errors import StillCounting
from koyjabo.reports.engine.insights import SharedReads

TODAY = "2025-12-16"
LINE = re.compile(r"Exact up to visit no\. ([\d,]+) · (\d\d:\d\d:\d\d) · Asia/Dhaka")
ANSWERS = 8


def numbers_of(page: str) -> dict[str, int]:
    matches = re.findall(r'data-stat="(\w+)" data-value="(\d+)"', page)
    return {name: int(value) for name, value in matches}


def cells(page: str, start: str, end: str, pattern: str) -> int:
    part = page[page.index(start) :]
    return sum(int(number.replace(",", "")) for number in re.findall(pattern, part[: part.index(end)]))


def check(page: str) -> int:
    """Assert that the figures agree. Returns the latest visit number they include."""
    numbers, lines = numbers_of(page), LINE.findall(words(page))
    assert len(lines) == 1
    upto = int(lines[0][0].replace(",", ""))
    assert numbers["upto"] == numbers["visits"] == upto
    assert cells(page, "insights-periods-rows", "</tbody>", r'data-value="(\d+)"') == numbers["visits"]
    listed = cells(page, "insights-page-values", "</tbody>", r'<td class="number"><span data-as="count">([\d,]+)<')
    assert listed == numbers["visits"]
    return upto


def test_figures_sums_and_lists_of_each_answer_agree_while_visits_come(site):
    site.register("first", page="/0")  # before the first visit, Overview is a different page
    admin, acknowledged, is_over = panel(site), [], threading.Event()

    def register() -> None:
        while not is_over.is_set():
            acknowledged.append(site.register(f"visitor{len(acknowledged)}", page=f"/{len(acknowledged) % 12}").ordinal)

    visits = in_thread(register)
    try:
        seen = []
        for number in range(ANSWERS):
            known = max(acknowledged, default=0)
            page = admin.get("/admin/?range=today" + "&part=figures,chart,pages" * (number % 2))
            seen.append(check(page))
            assert seen[-1] >= known
    finally:
        is_over.set()
        visits.result()
    assert len(set(seen)) > 1
    assert seen == sorted(seen)


class Gate:
    """A read that waits until it is released."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error  # raised by the read, if set
        self.reads: list[list[str]] = []
        self.begun, self.open = threading.Semaphore(0), threading.Semaphore(0)
        self.now = self.most = 0

    def __call__(self, requests):
        self.reads.append(list(requests))
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.release()
        assert self.open.acquire(timeout=PATIENCE_S)
        self.now -= 1
        if "wrong" in requests:
            raise self.error
        return [f"{request} of {len(self.reads)}" for request in requests]


def test_pages_that_ask_meanwhile_share_the_next_snapshot():
    """However many pages wait: a snapshot already being read may lack a visit that they were notified of."""
    gate = Gate()
    reads, answers = SharedReads(gate), []
    first = in_thread(lambda: answers.append(reads.read(["a"])))
    assert gate.begun.acquire(timeout=PATIENCE_S)
    others = [in_thread(lambda name=name: answers.append(reads.read(["a", name]))) for name in "bcdefgh"]
    while reads._next is None or len(reads._next.requests) < len("abcdefgh"):
        time.sleep(0.001)
    gate.open.release(2)
    for call in (first, *others):
        call.result()
    assert answers[0] == ["a of 1"]
    assert sorted(answers[1:]) == [["a of 2", f"{name} of 2"] for name in "bcdefgh"]
    assert [sorted(read) for read in gate.reads] == [["a"], [*"abcdefgh"]]


def test_report_that_fails_fails_no_other_of_its_snapshot():
    gate = Gate(ValueError("its own fault"))
    reads = SharedReads(gate)
    first = in_thread(lambda: reads.read(["a"]))
    assert gate.begun.acquire(timeout=PATIENCE_S)
    others = [in_thread(lambda name=name: reads.read([name])) for name in ("b", "wrong", "c")]
    while reads._next is None or len(reads._next.requests) < 3:
        time.sleep(0.001)
    gate.open.release(2)
    for _ in range(1 + len(others)):
        assert gate.begun.acquire(timeout=PATIENCE_S)
        gate.open.release()
    with pytest.raises(ValueError, match="its own fault"):
        others[1].result()
    answers = [call.result()[0].partition(" of ")[0] for call in (first, others[0], others[2])]
    assert answers == ["a", "b", "c"]
    assert gate.most == 1, "each again, one after another"


def test_sums_that_are_not_counted_yet_are_asked_for_once_by_all():
    gate = Gate(StillCounting())
    gate.open.release(2)
    reads = SharedReads(gate)
    with pytest.raises(StillCounting):
        reads.read(["wrong"])
    assert reads.read(["a"]) == ["a of 2"]
