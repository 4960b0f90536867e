"""`make test` leaves out tests marked `long`, but still has a test for every promise."""

from support.runs.short_run import promises


def test_a_long_test_names_a_quick_test_of_the_same_promise(pytestconfig):
    by_name = promises(pytestconfig)
    unproved = [name for name, test in by_name.items() if not test.is_quick and not test.proved_by]
    assert unproved == [], "they need a proved_by"
    wrong = {
        name: other
        for name, test in by_name.items()
        for other in test.proved_by
        if other not in by_name or not by_name[other].is_quick
    }
    assert wrong == {}, "there is no such quick test"
