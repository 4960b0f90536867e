"""How often a worker publishes, by a clock that the test sets."""

from __future__ import annotations

from koyjabo.cluster.redis_bus import Pace


class Timers:
    def __init__(self):
        self.waiting = []

    def later(self, delay_s, call):
        self.waiting.append(call)

    def interval_ends(self):
        ended, self.waiting = self.waiting, []
        for call in ended:
            call()


def test_first_call_is_made_at_once_then_one_an_interval_and_always_the_last():
    timers, made = Timers(), []
    pace = Pace(timers, 0.25)

    def change(value, key="site"):
        pace.run(key, lambda: made.append(value))

    change(1)
    change("other", key="community")
    assert made == [1, "other"]
    for value in (2, 3, 4):
        change(value)
    timers.interval_ends()
    assert made == [1, "other", 4]
    change(5)
    for _ in range(3):
        timers.interval_ends()
    assert made == [1, "other", 4, 5]
    assert timers.waiting == []
    change(6)
    assert made[-1] == 6
