"""`make test` leaves out tests marked `long`. Each promise still has a test in it."""

from __future__ import annotations

from support.runs.short_run import promises


def test_what_is_left_out_names_a_quick_test_of_the_same_promise(pytestconfig):
    found = promises(pytestconfig)
    unproved = [name for name, test in found.items() if not test.is_quick and not test.proved_by]
    assert unproved == [], "they need a proved_by"
    wrong = {
        name: other
        for name, test in found.items()
        for other in test.proved_by
        if other not in found or not found[other].is_quick
    }
    assert wrong == {}, "there is no such quick test"
