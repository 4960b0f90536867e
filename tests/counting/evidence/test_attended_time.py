"""Attended time: the spans and inputs that count, their visits, and clocks that are set."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest
from support.people.accounts import bearer
from support.programs.processes import METRICS_TOKEN

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.columns.blocks.block_queries import correct_attended
from koyjabo.counting.evidence import attendance_writer
from koyjabo.counting.evidence.attendance_writer import MAX_BATCH_SPANS, MAX_WRITE_FAILURES
from koyjabo.counting.evidence.timeline import Shown
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits


def test_the_time_of_a_visible_page_counts_from_the_commit_of_its_visit(worker):
    sockets = {"named": "1", "unnamed": None}
    for socket, visit in sockets.items():
        worker.open(socket, visit=visit)
    worker.time.pass_(seconds=3)
    worker.site.register(visitId="1")
    for seconds, visible in ((10, False), (100, True)):
        worker.time.pass_(seconds=seconds)
        for socket in sockets:
            worker.pages.show(socket, visible=visible)
    worker.time.pass_(seconds=5)
    for socket in sockets:
        worker.close(socket)
    worker.write()
    assert worker.visit("1") == (15_000, False)


def test_overlapping_tabs_and_heartbeats_count_once_per_visit(worker):
    for visit in "12":
        worker.site.register(visitId=visit)
    worker.open("first", visit="1")
    worker.time.pass_(seconds=5)
    worker.open("second", visit="1")
    worker.open("other", visit="2")
    worker.attendance.beat("ayesha", "2", True, acted=False)
    worker.time.pass_(seconds=5)
    worker.attendance.beat("ayesha", "2", False, acted=False)
    worker.close("first")
    worker.time.pass_(seconds=5)
    worker.close("second")
    worker.close("other")
    assert (worker.attended_s("1"), worker.attended_s("2")) == (15, 10)


def test_a_span_without_a_visit_id_belongs_to_the_newest_visit_at_its_beginning(worker):
    worker.site.register(visitId="1")
    worker.open("socket")
    worker.time.pass_(seconds=5)
    worker.site.register(visitId="2")
    worker.time.pass_(seconds=5)
    worker.pages.show("socket", visible=False)
    worker.pages.show("socket", visible=True)
    worker.time.pass_(seconds=5)
    worker.close("socket")
    assert worker.attended_s("1") == 10
    assert worker.attended_s("2") == 5


def test_an_unnamed_page_matched_with_a_closed_one_gets_no_attended_time(worker):
    """It may be another person's, behind the same address with the same browser."""
    worker.site.register(visitId="1")
    worker.open("hers", visit="1")
    worker.time.pass_(seconds=5)
    worker.close("hers")
    for _ in range(2):
        worker.open("guessed", visitor=None)
        worker.time.pass_(seconds=60)
        worker.write()
        worker.close("guessed")
    worker.open("guessed", visitor=None)
    worker.time.pass_(seconds=60)
    worker.site.register("bina", visitId="2")
    worker.match("bina")
    worker.time.pass_(seconds=60)
    worker.close("guessed")
    assert worker.attended_s("2") == 60
    assert (worker.visit("1"), worker.visit("2")) == ((5000, False), (60_000, False))


def test_an_input_before_its_page_named_a_visitor_belongs_to_that_visitor(worker):
    for visitor in ("bina", "ayesha"):
        worker.site.register(visitor, visitId=visitor)
    worker.match("bina")
    worker.open("socket", visitor=None)
    worker.pages.show("socket", visible=True, acted=True)
    worker.time.pass_(seconds=5)
    worker.name("socket", visit="ayesha")
    worker.time.pass_(seconds=5)
    worker.close("socket")
    worker.write()
    assert (worker.visit("bina"), worker.visit("ayesha")) == ((0, False), (10_000, True))


def test_a_visit_that_waited_gets_no_attended_time(worker):
    worker.site.register(visitId="1", waitedMs=61_000)
    worker.open("socket", visit="1")
    worker.open("unnamed")
    worker.time.pass_(seconds=5)
    worker.close("socket")
    worker.close("unnamed")
    assert worker.attended_s("1") == 0


@pytest.mark.parametrize(
    ("error", "failures", "attended_ms"),
    [
        (LedgerUnavailable, 20, 300_000),
        (ArithmeticError, MAX_WRITE_FAILURES - 1, 300_000),
        (ArithmeticError, MAX_WRITE_FAILURES, 0),
    ],
)
def test_attended_time_is_lost_only_if_an_unexpected_error_is_repeated(
    worker, monkeypatch, error, failures, attended_ms
):
    worker.site.register(visitId="1")
    worker.open("1", visit="1")
    worker.time.pass_(minutes=5)
    worker.close("1")

    def fail(*_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(worker.attendance._database, "write", fail)
        for _ in range(failures):
            worker.write()
    worker.write()
    assert worker.visit("1")[0] == attended_ms


def test_the_time_since_a_visible_heartbeat_is_bridged_for_at_most_60_s(new_worker):
    one, other = new_worker(), new_worker()
    one.site.register(visitId="1")
    beats = [(0, True), (50, True), (100, False), (150, True), (250, True), (250, False)]
    for number, (at_s, visible) in enumerate(beats):
        one.time.pass_(seconds=at_s - (beats[number - 1][0] if number else 0))
        (one, other)[number % 2].attendance.beat("ayesha", None, visible, acted=False)
        one.write()
        other.write()
    assert one.attended_s("1") == 50 + 50 + 60


def test_the_time_between_two_heartbeats_belongs_to_the_visit_of_the_first(worker):
    worker.site.register(visitId="1")
    worker.attendance.beat("ayesha", None, True, acted=False)
    worker.time.pass_(seconds=20)
    worker.site.register(visitId="2")
    for _ in range(2):
        worker.time.pass_(seconds=30)
        worker.attendance.beat("ayesha", None, True, acted=True)
    assert (worker.attended_s("1"), worker.attended_s("2")) == (50, 30)
    assert (worker.visit("1")[1], worker.visit("2")[1]) == (False, True)


def test_the_time_of_a_lost_connection_counts_up_to_its_last_sign_of_life(worker):
    class Lost:
        silent_ms = 0

    worker.site.register(visitId="1")
    worker.open("socket", visit="1", source=(source := Lost()))
    worker.time.pass_(minutes=5)
    source.silent_ms = 25_000
    worker.write()
    worker.time.pass_(seconds=20)
    source.silent_ms = 45_000
    worker.close("socket")
    assert worker.attended_s("1") == 275


@pytest.mark.both_kinds
def test_spans_are_removed_after_ten_minutes_and_count_once_if_written_again(new_worker, monkeypatch):
    one, other = new_worker(), new_worker()
    one.site.register(visitId="1")
    one.open("first", visit="1")
    other.open("second", visit="1")
    one.time.pass_(seconds=60)
    one.close("first")
    other.close("second")
    one.write()
    rows_left = []

    def fail(*_):
        raise LedgerUnavailable

    with monkeypatch.context() as away:
        away.setattr(other.attendance._database, "write", fail)
        for _ in range(12):
            other.write()
            one.attendance.drop(correct_attended)
            rows_left += one.site.rows("SELECT count(*) FROM attendance")[0]
            one.time.pass_(minutes=1)
    assert rows_left == [1] * 10 + [0] * 2
    assert other.attended_s("1") == 60


@pytest.mark.both_kinds
def test_the_erasure_of_a_visitor_removes_spans_and_queued_entries_and_keeps_the_time(worker):
    worker.site.register(visitId="1")
    worker.open("socket", visit="1")
    worker.time.pass_(seconds=5)
    worker.pages.show("socket", visible=False)
    worker.write()
    worker.pages.show("socket", visible=True)
    worker.attendance.beat("ayesha", "2", True, acted=True)  # before its visit
    worker.time.pass_(seconds=5)
    assert worker.site.rows("SELECT count(*) FROM attendance") == [(1,)]
    worker.site.forget()
    worker.close("socket")
    worker.site.register(visitId="2")
    worker.write()
    assert worker.site.rows("SELECT count(*) FROM attendance") == [(0,)]
    assert worker.site.rows("SELECT attended_ms, acted FROM visits ORDER BY id") == [(5000, False), (0, False)]
    assert worker.site.rows("SELECT upto > 0 FROM watermarks WHERE name = 'attendance_dropped'")[0][0]


@pytest.mark.both_kinds
def test_two_workers_that_write_at_once_lose_no_time(new_worker):
    one, other = new_worker(), new_worker()
    one.site.register(visitId="1")
    began_ms, rounds = one.time.ms, 20
    with ThreadPoolExecutor(2) as threads:
        for number in range(rounds):
            for worker, at_s in ((one, 2 * number), (other, 2 * number + 1)):
                worker.attendance.add(Shown("ayesha", "1", began_ms + 1000 * at_s, began_ms + 1000 * (at_s + 1)))
            for written in [threads.submit(worker.write) for worker in (one, other)]:
                written.result()
    assert one.visit("1")[0] == 2000 * rounds
    numbers = one.site.rows("SELECT a.seq, w.upto FROM attendance a, watermarks w WHERE w.name = 'attendance'")
    assert [seq == upto for seq, upto in numbers] == [True]


def test_a_campus_behind_one_address_loses_no_time_during_a_flood_from_another_address(new_worker, monkeypatch):
    """500 people show and hide their pages, while another address fills all of the room that there is."""
    monkeypatch.setattr(attendance_writer, "MAX_WAITING_SPANS", 5_000)
    worker = new_worker()
    visitors = [f"visitor-{number}" for number in range(500)]
    visits = worker.site.services[Visits]
    visits.register_all([NewVisit(visitor, "1", at_ms=worker.time.ms, attended_ms=0) for visitor in visitors])
    for visitor in visitors:
        worker.open(visitor, visitor, "1", address="198.51.100.1")
    flood = count(worker.time.ms)
    for visible in (False, True, False):
        worker.time.pass_(seconds=10)
        for at_ms in islice(flood, 2_500):
            worker.attendance.add(Shown(f"stranger-{at_ms % 500}", "1", at_ms, at_ms + 1), "203.0.113.7")
        for visitor in visitors:
            worker.pages.show(visitor, visible, acted=True)
    worker.attendance.close()
    metrics = worker.site.client.get("/metrics", headers=bearer(METRICS_TOKEN)).text
    assert int(re.search(r'koyjabo_dropped_total{kind="attended_time"} (\d+)', metrics)[1]) > 0
    attended = worker.site.rows("SELECT attended_ms, acted, count(*) FROM visits GROUP BY attended_ms, acted")
    assert [(ms, bool(acted), number) for ms, acted, number in attended] == [(20_000, True, 500)]


def test_an_input_belongs_permanently_to_the_visit_of_its_span(worker):
    for visit in "12":
        worker.site.register(visitId=visit)
    worker.open("socket", visit="1")
    worker.time.pass_(seconds=1)
    worker.pages.show("socket", visible=False, acted=True)
    worker.pages.show("socket", visible=True)
    worker.time.pass_(seconds=1)
    worker.pages.show("socket", visible=True, acted=True, visit_id="2")
    worker.write()
    assert (worker.visit("1"), worker.visit("2")) == ((1000, True), (0, True))
    worker.close("socket")
    worker.write()
    assert worker.visit("1") == (2000, True)


def test_an_input_counts_even_before_its_visitor_is_named_and_its_visit_committed(worker):
    worker.open("socket", visitor=None)
    worker.pages.show("socket", visible=True, acted=True)
    worker.time.pass_(seconds=1)
    worker.name("socket", visit="1")
    worker.close("socket")
    worker.write()
    worker.site.register(visitId="1")
    worker.write()
    assert worker.visit("1") == (0, True)


def test_a_client_with_many_early_inputs_does_not_delay_the_inputs_of_others(worker):
    worker.open("socket")
    for number in range(20 * MAX_BATCH_SPANS):
        worker.pages.show("socket", visible=True, acted=True, visit_id=f"{number}")
    worker.write()
    worker.attendance.beat("bina", "1", True, acted=True)
    worker.write()
    worker.site.register("bina", visitId="1")
    worker.write()
    assert worker.visit("1")[1]


@pytest.mark.parametrize("is_written", [False, True])
def test_a_clock_set_forward_changes_no_running_span(worker, is_written):
    worker.site.register(visitId="1")
    worker.open("named", visit="1")
    worker.open("unnamed")
    worker.time.pass_(minutes=5)
    if is_written:
        worker.write()
        worker.attendance.drop(correct_attended)
    worker.time.put_right(days=1)
    worker.write()
    worker.attendance.drop(correct_attended)
    worker.time.pass_(seconds=10)
    worker.close("named")
    worker.close("unnamed")
    assert worker.attended_s("1") == 310


@pytest.mark.parametrize(("back_s", "is_written", "visit"), [(3600, True, None), (3600, False, "1"), (100, True, "1")])
def test_attended_time_continues_to_count_after_the_clock_was_set_back(worker, back_s, is_written, visit):
    """The visit was committed, and perhaps settled, at a time that is still in the future."""
    worker.site.register(visitId="1")
    worker.open("socket", visit=visit)
    worker.time.pass_(seconds=5)
    if is_written:
        worker.pages.show("socket", visible=False)
        worker.write()
        worker.pages.show("socket", visible=True)
    worker.time.put_right(seconds=-back_s)
    for _ in range(3):
        worker.write()
        worker.time.pass_(seconds=10)
        worker.pages.show("socket", visible=False)
        worker.write()
        worker.pages.show("socket", visible=True)
    worker.close("socket")
    assert worker.attended_s("1") == 35


def test_the_time_before_a_visit_does_not_count_after_the_clock_was_set_back(worker):
    worker.open("socket", visit="1")
    worker.time.pass_(seconds=20)
    worker.site.register(visitId="1")
    worker.time.pass_(seconds=5)
    worker.time.put_right(seconds=-100)
    worker.write()
    worker.time.pass_(seconds=5)
    worker.close("socket")
    assert worker.attended_s("1") == 10


@pytest.mark.parametrize(("step_s", "visit"), [(3600, None), (-3600, "1")])
def test_a_change_of_the_clock_does_not_change_the_time_between_heartbeats(worker, step_s, visit):
    worker.site.register(visitId="1")
    for visible in (True, True):
        worker.attendance.beat("ayesha", visit, visible, acted=False)
        worker.write()
        worker.time.pass_(seconds=20)
    worker.time.put_right(seconds=step_s)
    worker.write()
    worker.time.pass_(seconds=1)
    for visible in (True, False, False):
        worker.attendance.beat("ayesha", visit, visible, acted=False)
        worker.write()
        worker.time.pass_(seconds=7)
    assert worker.attended_s("1") == 20 + 21 + 7
