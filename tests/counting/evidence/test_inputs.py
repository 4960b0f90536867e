"""A visitor's inputs: the visit they belong to, even if they arrive before it."""

from koyjabo.counting.evidence.attendance_writer import MAX_BATCH_SPANS


def test_an_input_belongs_to_the_visit_of_its_span_and_is_never_taken_back(worker):
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


def test_an_input_counts_although_it_comes_before_the_visitor_is_named_and_the_visit_is_committed(worker):
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


def test_an_input_that_is_repeated_or_before_its_visit_does_not_raise_the_watermark(worker):
    """Reports are read again whenever the watermark rises."""
    newest = "SELECT upto FROM watermarks WHERE name = 'attendance'"
    worker.site.register(visitId="1")
    worker.open("socket", visit="1")
    worker.pages.show("socket", visible=False)
    for _ in range(2):
        worker.pages.show("socket", visible=False, acted=True)
        worker.write()
        written = worker.site.rows(newest)
    for number in range(20 * MAX_BATCH_SPANS):
        worker.pages.show("socket", visible=False, acted=True, visit_id="1" if number % 2 else None)
    worker.attendance.beat("ayesha", "2", True, acted=True)  # before its visit
    worker.write()
    assert worker.site.rows(newest) == written
    assert worker.visit("1")[1]


def test_all_early_inputs_are_written_at_the_end(worker):
    for number in range(2 * MAX_BATCH_SPANS):
        worker.attendance.beat(f"v{number}", "1", True, acted=True)
    worker.write()
    for number in (0, 2 * MAX_BATCH_SPANS - 1):
        worker.site.register(f"v{number}", visitId="1")
    worker.attendance.close()
    assert all(acted for (acted,) in worker.site.rows("SELECT acted FROM visits"))
