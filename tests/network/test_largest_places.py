"""Which places are shown by name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.fuzz_effort import effort

from koyjabo.network.geolocation import largest


def test_the_twenty_largest_are_named_and_the_rest_is_other():
    places = {f"Place {n:02}, BD": n for n in range(1, 26)} | {"Unknown": 1000}
    shown = largest(places)
    assert list(shown) == [f"Place {n:02}, BD" for n in range(25, 5, -1)] + ["Other", "Unknown"]
    assert (shown["Other"], shown["Unknown"]) == (1 + 2 + 3 + 4 + 5, 1000)


@effort(100)
@given(
    st.dictionaries(st.sampled_from(["Other", "Unknown", *map(str, range(40))]), st.integers(1, 5)),
    st.integers(1, 30),
)
def test_sum_is_kept_and_nothing_larger_is_left_out(places, most):
    shown = largest(places, most)
    named = [count for place, count in shown.items() if place not in ("Other", "Unknown")]
    left_out = [count for place, count in places.items() if place not in shown]
    assert sum(shown.values()) == sum(places.values())
    assert len(named) <= most
    assert named == sorted(named, reverse=True)
    assert max(left_out, default=0) <= min(named, default=5)
    assert shown.get("Unknown") == places.get("Unknown")
