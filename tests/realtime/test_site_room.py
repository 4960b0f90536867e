"""The room of the site while a milestone is being read: whoever asks meanwhile hears of it with the next push."""

from __future__ import annotations

from types import SimpleNamespace
from zoneinfo import ZoneInfo

from koyjabo.clock import Clock
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.records import CounterSnapshot
from koyjabo.models import SITE
from koyjabo.presence.visitors.memory_store import MemoryActiveVisitors
from koyjabo.realtime.milestone_news import MilestoneNews
from koyjabo.realtime.site_room import SiteRoom

CLOCK = Clock(ZoneInfo("UTC"))


def snapshot(total: int) -> CounterSnapshot:
    return CounterSnapshot(SITE, 1, CLOCK.now_ms() + total, total, total, 1, CLOCK.today(), total)


def test_a_client_that_is_answered_after_visits_came_during_the_read_is_not_ahead_of_their_milestone():
    site = LiveStats(snapshot(99), MemoryActiveVisitors(CLOCK, 300), CLOCK)

    def find(_scope, _epoch, passed):
        if passed == [100]:
            site.update(snapshot(157))  # during the read
        return passed[-1]

    news = MilestoneNews(site, Milestones([100, 150]), find)
    room = SiteRoom(SimpleNamespace(site=site, newest=site.stats), news, 0.05)
    site.update(snapshot(100))

    (first,) = room.events_after(0)
    answer = room.first_event()
    (second,) = room.events_after(first.revision)

    assert [(each.stats.total, each.milestone) for each in (first, answer, second)] == [
        (100, 100),
        (100, None),
        (157, 150),
    ]
    assert room.first_event().stats.total == 157
