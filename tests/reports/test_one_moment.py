"""All figures of a page come from one snapshot while visits arrive, and the page shows its last visit."""

import re
import threading
from concurrent.futures import Future

import pytest
from support.people.admins import panel
from support.people.page_readers import words
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.threads import in_thread

from koyjabo.base.core.errors import TooBusy
from koyjabo.reports.engine import scan_queue
from koyjabo.reports.engine.scan_queue import ReportReader, ScanQueue

LINE = re.compile(r"Exact up to visit no\. ([\d,]+) · (\d\d:\d\d:\d\d) · Asia/Dhaka")


def cells(page: str, start: str, end: str, pattern: str) -> int:
    part = page[page.index(start) :]
    return sum(int(number.replace(",", "")) for number in re.findall(pattern, part[: part.index(end)]))


def check(page: str) -> int:
    """Assert that the figures agree. Returns the latest visit number they include."""
    numbers = {name: int(value) for name, value in re.findall(r'data-stat="(\w+)" data-value="(\d+)"', page)}
    lines = LINE.findall(words(page))
    assert len(lines) == 1
    upto = int(lines[0][0].replace(",", ""))
    assert numbers["upto"] == numbers["visits"] == upto
    assert cells(page, "insights-periods-rows", "</tbody>", r'data-value="(\d+)"') == numbers["visits"]
    listed = cells(page, "insights-page-values", "</tbody>", r'<td class="number"><span data-as="count">([\d,]+)<')
    assert listed == numbers["visits"]
    return upto


def test_the_figures_sums_and_lists_of_each_response_agree_while_visits_arrive(site):
    site.register("first", page="/0")  # before the first visit, Overview is a different page
    admin, acknowledged, is_over = panel(site), [], threading.Event()

    def register() -> None:
        while not is_over.is_set():
            acknowledged.append(site.register(f"visitor{len(acknowledged)}", page=f"/{len(acknowledged) % 12}").ordinal)

    visits = in_thread(register)
    try:
        seen = []
        for number in range(8):
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
    """A read that waits until it is released, and then takes `seconds`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error  # raised by the read of "wrong"
        self.now_s, self.seconds = 1_000.0, 0.0
        self.reads: list[str] = []
        self.begun, self.open = threading.Semaphore(0), threading.Semaphore(0)
        self.now = self.most = 0

    def __call__(self, requests):
        self.reads.extend(requests)
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.release()
        assert self.open.acquire(timeout=PATIENCE_S)
        self.now -= 1
        self.now_s += self.seconds
        if "wrong" in requests:
            raise self.error
        return [f"{request} of {len(self.reads)}" for request in requests]

    def clock(self) -> float:
        """A monotonic time in seconds, which moves only when a test or a read moves it."""
        return self.now_s


def new_queue(error: Exception | None = None) -> tuple[Gate, ScanQueue]:
    gate = Gate(error)
    return gate, ScanQueue(gate, gate.clock)


def of(*payers: str) -> ReportReader:
    return ReportReader(payers)


NOBODY, PANEL = of(), ReportReader(("admin",), is_first=True, has_budget=False)


def begin(queue: ScanQueue, gate: Gate, request: str, reader: ReportReader = NOBODY) -> Future:
    call = in_thread(lambda: queue.read([request], reader))
    assert gate.begun.acquire(timeout=PATIENCE_S)
    return call


def wait(queue: ScanQueue, request: str, reader: ReportReader = NOBODY) -> Future:
    waiting = len(queue._waiting)
    call = in_thread(lambda: queue.read([request], reader))
    wait_until(lambda: len(queue._waiting) > waiting, f"{request} waits")
    return call


def test_two_equal_pages_share_the_next_snapshot_and_not_the_running_one():
    """However many pages wait: a snapshot already being read may lack a visit that they were notified of."""
    gate, queue = new_queue()
    calls = [begin(queue, gate, "a"), wait(queue, "a")]
    (waiting,) = queue._waiting.values()
    calls += [in_thread(lambda: queue.read(["a"], NOBODY)) for _ in range(7)]
    wait_until(lambda: waiting.calls == 8, "all of them wait")
    gate.open.release(2)
    assert [call.result(PATIENCE_S) for call in calls] == [["a of 1"], *[["a of 2"]] * 8]


def test_a_report_that_fails_does_not_affect_other_reports():
    gate, queue = new_queue(ValueError("its own fault"))
    first, *others = begin(queue, gate, "a"), *(wait(queue, name) for name in ("b", "wrong", "c"))
    gate.open.release(4)
    with pytest.raises(ValueError, match="its own fault"):
        others[1].result(PATIENCE_S)
    assert [call.result(PATIENCE_S) for call in (first, others[0], others[2])] == [["a of 1"], ["b of 2"], ["c of 4"]]
    assert gate.most == 1, "one after another"


def test_the_panel_goes_first_and_has_no_pause():
    """After the report of a community, communities pause for the time it took."""
    gate, queue = new_queue()
    gate.seconds = 5
    calls = [begin(queue, gate, "mirpur", of("mirpur")), wait(queue, "uttara", of("uttara"))]
    calls.append(wait(queue, "panel", PANEL))
    gate.open.release()
    assert gate.begun.acquire(timeout=PATIENCE_S)
    gate.seconds = 0
    gate.open.release()
    assert calls[-1].result(PATIENCE_S) == ["panel of 2"]
    calls.append(begin(queue, gate, "page", PANEL))
    assert gate.reads == ["mirpur", "panel", "page"]
    gate.now_s += 5
    calls.append(wait(queue, "another page", PANEL))
    gate.open.release(3)
    assert calls[-1].result(PATIENCE_S) == ["another page of 4"]
    assert calls[1].result(PATIENCE_S) == ["uttara of 5"]


def test_the_reader_who_has_used_the_least_time_goes_first():
    gate, queue = new_queue()
    gate.seconds = 5
    gate.open.release()
    queue.read(["mirpur"], of("mirpur"))
    gate.now_s += 5
    calls = [begin(queue, gate, "panel", PANEL), *(wait(queue, name, of(name)) for name in ("mirpur", "uttara"))]
    gate.open.release(3)
    gate.seconds = 0
    for call in calls:
        call.result(PATIENCE_S)
    assert gate.reads[2:] == ["uttara", "mirpur"]


def test_a_reader_without_time_left_waits_and_other_readers_do_not():
    gate, queue = new_queue()
    gate.open.release(20)
    gate.seconds = 8
    for number in range(4):
        queue.read([f"long {number}"], of("mirpur", "ayesha"))
        gate.now_s += 8  # the pause of all communities
    gate.seconds = 0
    late = [wait(queue, "community", of("mirpur", "babul")), wait(queue, "user", of("uttara", "ayesha"))]
    assert queue.read(["other"], of("uttara", "babul")) == ["other of 5"]
    assert queue.read(["panel"], PANEL._replace(payers=("ayesha",))) == ["panel of 6"]
    assert not any(call.done() for call in late)
    gate.now_s += 2  # it rests for 10 s
    queue.read(["another"], of("uttara", "babul"))
    assert sorted(call.result(PATIENCE_S)[0].split()[0] for call in late) == ["community", "user"]


def test_a_report_is_refused_after_a_long_wait_or_in_a_long_queue(monkeypatch):
    gate, queue = new_queue()
    first = begin(queue, gate, "a")
    with pytest.raises(TooBusy):
        queue.read(["b"], of("mirpur")._replace(patience_s=0))
    monkeypatch.setattr(scan_queue, "MAX_WAITING_SCANS", 1)
    waiting = wait(queue, "b", of("mirpur", "babul"))
    for reader in of("mirpur", "ayesha"), of("uttara", "babul"):
        with pytest.raises(TooBusy):
            queue.read(["c"], reader)
    other = wait(queue, "c", of("uttara", "ayesha"))
    gate.open.release(3)
    for call in (first, waiting, other):
        call.result(PATIENCE_S)


def test_an_address_uses_up_its_own_time_before_the_time_of_a_share_link(monkeypatch):
    gate, queue = new_queue()
    gate.open.release(9)
    gate.seconds = 8
    link, flood = ReportReader(("link",), address="203.0.113.7"), ReportReader(("link",), address="198.51.100.1")
    for name in ("first", "second"):
        queue.read([name], flood)
        gate.now_s += 8  # the pause of all links
    gate.seconds = 0
    late = wait(queue, "third", flood)
    assert queue.read(["other"], link) == ["other of 3"]
    assert not late.done()
    monkeypatch.setattr(scan_queue, "MAX_WAITING_OF_ADDRESS", 1)
    with pytest.raises(TooBusy):
        queue.read(["fourth"], flood)
    gate.now_s += 2
    queue.read(["another"], link)
    assert late.result(PATIENCE_S)[0].startswith("third")
