"""Traffic alerts: when they are sent, who receives them, and that each alert is sent once."""

import json
from collections.abc import Iterator

import pytest
from integrations.webhooks.test_event_examples import assert_as_documented
from integrations.webhooks.test_webhook_events import subscribe
from sqlalchemy import select
from support.application.site import Site, Time
from support.people.accounts import sign_up
from support.people.page_readers import Reader
from support.servers.mailbox import Mailbox, path_in, text_of
from support.sites.full_site import bring, rows

from koyjabo.base.core.clock import iso
from koyjabo.base.core.extensions import db
from koyjabo.base.models import User
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.alerts.alerts import Alerts
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
    bring(site, rows(*(f"v{name + number},1,{at_ms}" for number, at_ms in enumerate(moments))))


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


def test_spike_is_sent_after_its_second_window_with_imported_visits(site):
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
