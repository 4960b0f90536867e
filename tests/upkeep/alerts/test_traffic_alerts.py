"""Traffic alerts: what is usual, when they are sent, who receives them, and that each is sent once."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st
from integrations.webhooks.test_webhook_events import assert_as_documented, subscribe
from sqlalchemy import select
from support.application.site import Site, Time
from support.people.accounts import sign_up
from support.people.page_readers import Reader
from support.servers.mailbox import Mailbox, path_in, text_of
from support.sites.full_site import count_all

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.extensions import db
from koyjabo.base.models import User
from koyjabo.counting.records import NewVisit
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.alerts import alerts
from koyjabo.upkeep.alerts.alerts import (
    DROP_WINDOWS,
    SPIKE_WINDOWS,
    Alerts,
    Usual,
    Window,
    is_drop,
    is_spike,
    same_hours,
)
from koyjabo.upkeep.alerts.traffic_queries import WANTS
from koyjabo.upkeep.health.system import Readiness, Ready

MINUTE_MS, DAY_MS = 60_000, 86_400_000
NOON = "2025-12-16T12:00:00+06:00"
SETTLE_MS = 10_000


@pytest.fixture(scope="module")
def mailbox():
    mailbox = Mailbox().start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def site(database) -> Iterator[Site]:
    time = Time.at(NOON)
    with Site(database.url, time) as site:
        yield site


def noon() -> int:
    time = Time.at(NOON)
    return time.ms


def visits_at(site: Site, *counts: tuple[int, int]) -> None:
    """Import this many visits at each of these times, in minutes after noon."""
    name = site.rows("SELECT count(*) FROM visits")[0][0]
    moments = [noon() + minutes * MINUTE_MS for minutes, count in counts for _ in range(count)]
    site.time.ms = max(site.time.ms, *moments)  # visits must not be in the future
    count_all(site, (NewVisit(f"v{name + number}", "1", at_ms=at_ms) for number, at_ms in enumerate(moments)))


def history(site: Site, visits: int, weeks: int = 6, days: int = 0) -> None:
    """Import `visits` visits into every window of the hour after noon, in each of the previous weeks."""
    weekly = [-week * 7 * 1440 for week in range(1, weeks + 1)]
    visits_at(site, *((week - days * 1440 + window, visits) for week in weekly for window in range(0, 60, 5)))


def tick_at(site: Site, minutes: int) -> list[tuple[str, dict]]:
    """Check right after a window. Returns all alerts so far."""
    site.time.ms = noon() + minutes * MINUTE_MS + SETTLE_MS
    site.services[WebhookServices].events.refresh()
    site.services[Alerts].tick()
    rows = site.rows("SELECT type, data FROM webhook_events WHERE type LIKE 'traffic.%' ORDER BY at_ms")
    alerts = [(type, json.loads(data)) for type, data in rows]
    for type, data in alerts:
        assert_as_documented(type, data)
    return alerts


def test_spike_is_sent_after_its_second_window(site):
    subscribe(site, "traffic.spike")
    history(site, visits=2)
    visits_at(site, (0, 30), (4, 20))
    for number in range(50):
        site.time.ms = noon() + (5 + number % 5) * MINUTE_MS
        site.register(f"now{number}")
    site.time.ms = noon() + 10 * MINUTE_MS + SETTLE_MS - 1
    site.services[WebhookServices].events.refresh()
    site.services[Alerts].tick()
    assert site.rows("SELECT count(*) FROM webhook_events WHERE type LIKE 'traffic.%'") == [(0,)]
    ((type, data),) = tick_at(site, 10)
    usual = {"visits": 50, "median": 2.0, "mad": 0.0}
    assert (type, data) == (
        "traffic.spike",
        {
            "from": iso(noon()),
            "to": iso(noon() + 10 * MINUTE_MS),
            "visits": 100,
            "usual": 4.0,
            "windows": [{"from": iso(noon() + minutes * MINUTE_MS), **usual} for minutes in (0, 5)],
        },
    )


def test_spike_is_sent_again_only_after_six_hours_on_any_worker(site):
    subscribe(site, "traffic.spike")
    history(site, visits=2)
    alerts = []
    for minutes in (*range(0, 20, 5), *range(350, 380, 5)):
        if minutes == 10:
            site.restart()  # the restarted worker has another name in the lease
        visits_at(site, (minutes, 60))
        alerts.append(len(tick_at(site, minutes + 5)))
    assert alerts == [0, 1, 1, 1, 1, 1, 1, 2, 2, 2], "nothing is usual six hours later"


def test_less_than_two_weeks_of_visits_send_no_alert(site):
    subscribe(site, "traffic.spike")
    history(site, visits=2, weeks=1, days=6)
    visits_at(site, (0, 60), (5, 60))
    assert tick_at(site, 10) == []
    visits_at(site, (-14 * 1440 - 721, 1), (10, 60))
    assert len(tick_at(site, 15)) == 1


def test_drop_is_sent_if_this_worker_was_always_ready(site, monkeypatch):
    subscribe(site, "traffic.drop")
    history(site, visits=50)
    ready = [True]
    monkeypatch.setattr(site.services[Readiness], "checks", lambda: {"writer": Ready(ready[0])})
    for minutes in range(0, 30, 5):
        assert tick_at(site, minutes) == []
    ready[0] = False
    assert tick_at(site, 29) == []
    ready[0] = True
    for minutes in range(30, 60, 5):
        assert tick_at(site, minutes) == [], "it has not been ready for half an hour"
    ((type, data),) = tick_at(site, 60)
    assert (type, data["visits"], data["usual"], len(data["windows"])) == ("traffic.drop", 0, 300.0, 6)


def test_only_one_worker_polls_and_only_if_alerts_are_wanted(site, monkeypatch):
    history(site, visits=2)
    visits_at(site, (0, 60), (5, 60))
    assert tick_at(site, 10) == []
    assert site.rows("SELECT count(*) FROM nightly_work WHERE name = 'alerts'") == [(0,)]
    subscribe(site, "traffic.spike")
    with Site(site.database_url, site.time) as other:
        assert len(tick_at(other, 10)) == 1
        looked: list[int] = []
        monkeypatch.setattr(site.services[Alerts]._traffic, "poll", lambda: looked.append(1))
        tick_at(site, 10)
        assert looked == []
    tick_at(site, 10)
    assert looked == [1], "the other one has ended"


def test_recipients_are_found_without_reading_all_users(sqlite_database):
    with Site(sqlite_database.url) as site, site.app.app_context():
        query = str(select(User.id).where(*WANTS).compile(db.engine, compile_kwargs={"literal_binds": True}))
        plan = " ".join(str(row) for row in site.rows(f"EXPLAIN QUERY PLAN {query}"))
    assert "ix_users_traffic_alerts" in plan


def test_alert_is_emailed_once_to_every_confirmed_recipient(database, mailbox):
    mailbox.mails.clear()
    time = Time.at(NOON)
    with Site(database.url, time, RATE_LIMIT_LOGINS="0", **mailbox.settings()) as site:
        for name, language in (("ayesha", "en"), ("rahim", "bn"), ("karim", "en")):
            reader = Reader(site, language).sign_up(name)
            site.services[MailOutbox].send_all()
            reader.send(path_in(mailbox.to(f"{name}@example.com")[-1]))
            reader.send("/account/mails", **({} if name == "karim" else {"traffic_alerts": "on"}))
            is_checked = 'name="traffic_alerts" type="checkbox" checked' in reader.get("/account")
            assert is_checked == (name != "karim")
        sign_up(site, "salma")
        site.rows("UPDATE users SET traffic_alerts = true WHERE email = 'salma@example.com'")
        site.services[MailOutbox].send_all()
        history(site, visits=2)
        mailbox.mails.clear()
        for minutes in (0, 5, 10, 15):
            visits_at(site, (minutes, 60))
            assert len(tick_at(site, minutes + 5)) == (minutes > 0)
            site.services[MailOutbox].send_all()
        mails = {mail["To"]: mail for mail in mailbox.mails}
        assert len(mailbox.mails) == 2
        assert mails["ayesha@example.com"]["Subject"] == "Far more visits than usual: 120"
        text = text_of(mails["ayesha@example.com"]).replace("\r", "")
        expected = "16 December 2025, 12:00 – 16 December 2025, 12:10\nVisits: 120\nUsual at this time of the week: 4\n"
        assert expected in text
        assert mails["rahim@example.com"]["Subject"] == "সাধারণের চেয়ে অনেক বেশি ভিজিট: ১২০"


WINDOW_S = 300
NEAR_S = 3 * 3600
ZONES = ("Asia/Dhaka", "Europe/Berlin", "America/St_Johns", "UTC")
NO_TIME = Time(0)


def clock_in(zone: str) -> Clock:
    return Clock(ZoneInfo(zone), NO_TIME, NO_TIME.elapsed_ms)


def ms(moment: str, zone: str = "UTC") -> int:
    return 1000 * int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp())


def local(at_s: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_s, ZoneInfo(zone))


def counted_again(visits: Counter[int], now_s: int, zone: str) -> dict[int, int]:
    """Visits in each window of this weekday and hour, counted by checking every nearby window in each week."""
    at, windows = local(now_s, zone), {}
    for week in range(1, 7):
        middle = (now_s // WINDOW_S - week * 7 * 288) * WINDOW_S
        for window in range(middle - NEAR_S, middle + NEAR_S, WINDOW_S):
            then = local(window, zone)
            if (at.date() - then.date()).days == 7 * week and then.hour == at.hour:
                windows[window * 1000] = sum(visits[second] for second in range(window, window + WINDOW_S))
    return windows


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(ms("2025-01-01T00:00") // 1000, ms("2026-12-31T00:00") // 1000),
    st.integers(1, 2000),
    st.randoms(),
)
def test_usual_is_the_median_of_windows_in_that_weekday_and_hour(zone, now_s, most, chance):
    weeks = [now_s - week * 7 * 86400 for week in range(1, 7)]
    visits = Counter(chance.choice(weeks) + chance.randint(-NEAR_S, NEAR_S) for _ in range(most))
    counts: Counter[int] = Counter()
    for visit, times in visits.items():
        counts[visit // WINDOW_S * WINDOW_S * 1000] += times
    hours, expected = same_hours(clock_in(zone), now_s * 1000), counted_again(visits, now_s, zone)
    assert {window for hour in hours for window in range(hour, hour + 3_600_000, WINDOW_S * 1000)} == expected.keys()
    middle = median(expected.values())
    usual = alerts.usual_at(counts, hours)
    assert usual == Usual(middle, median(abs(value - middle) for value in expected.values()))


def test_missing_hours_have_no_windows_and_repeated_hours_have_two():
    zone = "Europe/Berlin"
    starts = [same_hours(clock_in(zone), ms(moment, zone)) for moment in ("2025-04-06T02:30", "2025-11-02T02:30")]
    spring, autumn = ([local(hour // 1000, zone).isoformat()[5:16] for hour in hours] for hours in starts)
    assert spring == ["03-23T02:00", "03-16T02:00", "03-09T02:00", "03-02T02:00", "02-23T02:00"]
    assert autumn[:3] == ["10-26T02:00", "10-26T02:00", "10-19T02:00"]
    assert len(autumn) == 7


USUAL = Usual(20, 5)  # three times the median is 60, and the median plus six deviations is 50


def windows(*counts: int, usual: Usual = USUAL) -> list[Window]:
    return [Window(number, count, usual) for number, count in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "usual", "spikes"),
    [
        ((60, 60), USUAL, True),
        ((59, 60), USUAL, False),
        ((60, 59), USUAL, False),
        ((60,), USUAL, False),
        ((0, 60, 60), USUAL, True),
        ((60, 60, 0), USUAL, False),
        ((50, 50), Usual(0, 0), True),
        ((49, 50), Usual(0, 0), False),
        ((80, 80), Usual(20, 10), False),  # not more than the median plus six deviations
        ((81, 81), Usual(20, 10), True),
    ],
)
def test_spike_needs_two_windows_far_above_the_median(counts, usual, spikes):
    assert is_spike(windows(*counts, usual=usual)) is spikes
    assert SPIKE_WINDOWS == 2


@pytest.mark.parametrize(
    ("counts", "middle", "drops"),
    [
        ((10,) * 6, 50, True),
        ((10, 10, 11, 10, 10, 10), 50, False),
        ((11, 10, 10, 10, 10, 10, 10), 50, True),
        ((10,) * 5, 50, False),
        ((0,) * 6, 49, False),
        ((0,) * 6, 50, True),
    ],
)
def test_drop_is_half_an_hour_far_below_a_median_of_at_least_50(counts, middle, drops):
    assert is_drop(windows(*counts, usual=Usual(middle, 0))) is drops
    assert timedelta(minutes=30) // timedelta(milliseconds=1) == DROP_WINDOWS * alerts.WINDOW_MS
