"""Attended time while a clock is set forward or back (specification: Attended time)."""

import pytest

from koyjabo.columns.blocks.block_queries import correct_attended


@pytest.mark.parametrize("is_written", [False, True])
def test_a_clock_that_is_set_forward_moves_no_running_span_and_drops_no_row(worker, is_written):
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
def test_a_clock_that_is_set_back_loses_no_time_after_it(worker, back_s, is_written, visit):
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


def test_a_clock_that_is_set_forward_settles_no_time_that_another_worker_still_has_to_write(new_worker):
    one, other = new_worker(), new_worker()
    one.site.register(visitId="1")
    one.open("first", visit="1")
    other.open("second", visit="1")
    one.time.pass_(seconds=100)
    one.pages.show("first", visible=False)
    one.time.pass_(seconds=100)
    one.time.put_right(hours=1)
    other.pages.follow_clock()
    one.write()
    one.pages.show("first", visible=True)
    one.time.pass_(seconds=10)
    one.close("first")
    one.write()
    other.write()
    other.close("second")
    assert other.attended_s("1") == 210


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


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_hidden_heartbeat_bridges_no_time_over_a_change_of_the_clock(worker, step_s):
    for visit, visible in (("1", False), ("2", True)):
        worker.site.register(visitId=visit)
        worker.attendance.beat("ayesha", visit, visible, acted=False)
    worker.write()
    worker.time.put_right(seconds=step_s)
    worker.write()
    worker.time.pass_(seconds=100)
    for visit in "12":
        worker.attendance.beat("ayesha", visit, True, acted=False)
    assert (worker.attended_s("1"), worker.attended_s("2")) == (0, 60)


def test_a_worker_that_starts_after_the_clock_was_set_back_adds_no_time(new_worker):
    one = new_worker()
    one.time.put_right(seconds=-30)
    one.write()
    one.site.register(visitId="1")
    other = new_worker()
    one.open("first", visit="1")
    other.open("second", visit="1")
    one.time.pass_(seconds=100)
    one.close("first")
    other.close("second")
    other.write()
    assert one.attended_s("1") == 100
