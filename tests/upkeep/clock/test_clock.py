"""A clock that was ahead, is behind, or leaps: where visits are filed, and what happens to them afterwards."""

import json
from datetime import date

import pytest
from sqlalchemy import event as event_of, text
from sqlalchemy.engine import Engine
from support.application.site import Site, Time, site_fixture
from support.people.accounts import PASSWORD, confirm, log_in, sign_up, try_login
from support.people.admins import panel
from support.programs.processes import wait_until
from support.sites.full_site import fill

from koyjabo.base.cluster.workers import Worker, host_name
from koyjabo.base.core.clock import DAY_MS, iso
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database import throttle
from koyjabo.base.models import Scope
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.clock_watch import CLOCK_ANSWER, VISITS_ANSWER, ClockWatch
from koyjabo.presence.members.peaks import Peaks
from koyjabo.upkeep.clock.clock_answers import ClockAnswers
from koyjabo.upkeep.clock.refiling import Refiling
from koyjabo.upkeep.retention.nightly import Nightly
from koyjabo.upkeep.retention.retention import Retention

site = site_fixture(STARTING_TOTAL=4000)

YEARS = {"days": 830}


def tick(site: Site, **later: float) -> str:
    """Let a second pass, or more, and judge the clock. Returns the verdict."""
    site.time.pass_(**(later or {"seconds": 1}))
    site.services[ClockWatch].tick()
    return site.services[ClockWatch].reading.verdict


def answer(site: Site, what: str) -> int:
    """Answer, and do what follows. Returns the number of moved visits."""
    site.services[ClockAnswers].answer(OPERATOR, what)
    return site.services[ClockAnswers].complete()


def today(site: Site) -> str:
    return date.fromtimestamp(site.time.ms / 1000).isoformat()


def event(site: Site, visitor: str, name: str) -> None:
    body = {"visitorId": visitor, "events": [{"name": name, "id": name, "at": site.time.ms}]}
    assert site.post("/api/events", json=body).status_code == 200


def filed(site: Site) -> list[tuple]:
    return site.rows("SELECT id, at_ms, day, hour_s, day_number FROM visits ORDER BY id")


def derived(site: Site) -> dict[str, list[tuple]]:
    """What follows from visits and events, and what a report says."""
    tables = ("daily_visits", "hourly_visits", "returns", "hourly_people", "peaks", "events", "visits", "announcements")
    rows = {table: sorted(site.rows(f"SELECT * FROM {table}"), key=str) for table in tables}
    rows["person_days"] = sorted(site.rows("SELECT person_id, day, slots FROM person_days"))
    return rows


def go_ahead(site: Site, here: str) -> None:
    """Count visits while the clock is ahead, and others in doubt."""
    site.time.put_right(**YEARS)
    site.restart()
    site.register("ahead", timestamp=site.time.ms - YEARS["days"] * DAY_MS, visitId="ahead")
    site.register("ahead2", communityId=here, page="/2028")
    event(site, "ahead2", "click")
    site.services[Peaks].record(Scope(here), 9)
    site.services[Peaks].write()
    site.time.put_right(days=-YEARS["days"])
    site.time.pass_(hours=1)
    site.restart()
    assert tick(site) == "doubt"
    site.register("doubted", communityId=here)


def test_visits_filed_in_the_future_are_filed_again_and_every_sum_agrees(site):
    here = fill(site)
    began_ms = site.time.ms
    first = site.register("certain").ordinal
    go_ahead(site, here)
    ids = [row[0] for row in filed(site)]
    revision = site.stats()["revision"]
    assert answer(site, CLOCK_ANSWER) == 3
    assert site.recount() == []
    (*_, ahead, ahead2, doubted) = filed(site)
    assert ahead[1] == began_ms
    assert ahead2[1] == ahead[1]
    assert began_ms + 3_600_000 <= doubted[1] <= site.time.ms
    assert [row[0] for row in filed(site)] == ids
    assert site.rows("SELECT count(*) FROM events WHERE at_ms > :now", now=site.time.ms) == [(0,)]
    assert site.rows("SELECT max(day) FROM daily_visits")[0][0] <= today(site)
    assert site.rows("SELECT max(day), max(people) FROM peaks WHERE scope = :here", here=here)[0][1] == 9
    assert site.rows("SELECT max(day) FROM person_days")[0][0] <= today(site)
    assert site.register("ahead", visitId="ahead").duplicate
    later = site.register("later")
    assert later.ordinal == first + 4
    assert later.stats["revision"] > revision
    assert later.stats["timestamp"] == iso(site.time.ms)
    assert (
        site.stats()["todayVisits"] == site.rows("SELECT count(*) FROM visits WHERE day = :day", day=today(site))[0][0]
    )
    assert site.recount() == []


def test_an_interrupted_filing_continues_by_itself(site, monkeypatch):
    here = fill(site)
    site.register("certain")
    go_ahead(site, here)
    with monkeypatch.context() as broken:
        broken.setattr(Refiling, "_mark_present", fail)
        with pytest.raises(LedgerUnavailable):
            answer(site, CLOCK_ANSWER)
    assert site.recount() != []
    site.restart()
    assert tick(site) == "right"
    assert site.services[ClockAnswers]._is_due()
    assert site.services[ClockAnswers].complete() == 0
    assert site.recount() == []
    tick(site, seconds=2)
    assert not site.services[ClockAnswers]._is_due()


def fail(*_: object) -> None:
    raise LedgerUnavailable()


def test_the_answer_that_the_visits_are_right_restores_the_earlier_times(site):
    here = fill(site)
    go_ahead(site, here)
    before = derived(site)
    assert answer(site, CLOCK_ANSWER) == 3
    assert derived(site) != before
    assert answer(site, VISITS_ANSWER) == 3
    after = derived(site)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
    assert site.recount() == []
    assert tick(site) == "wrong"
    assert site.rows("SELECT count(*) FROM refiled_rows") == [(0,)]


def test_a_deleted_row_is_skipped_when_earlier_times_are_restored(site):
    here = fill(site)
    go_ahead(site, here)
    assert answer(site, CLOCK_ANSWER) == 3
    for table in ("visits", "events"):
        site.rows(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")
    answer(site, VISITS_ANSWER)
    assert site.rows("SELECT * FROM refiled_rows") == []
    assert filed(site)[-1][2] > today(site)


def test_a_visit_that_arrives_during_the_filing_keeps_the_day_numbers_in_order(site, monkeypatch):
    for name in ("FIRST_SIZE", "MIN_SIZE", "MAX_SIZE"):
        monkeypatch.setattr(throttle, name, 1)
    for visitor in ("a", "b"):
        site.register(visitor)
    site.time.put_right(days=-YEARS["days"])
    site.services[ClockAnswers].answer(OPERATOR, CLOCK_ANSWER)
    assert site.services[ClockAnswers].complete(lambda visits: site.register(f"after{visits}") and None) == 2
    assert site.recount() == []


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_the_filing_of_visits_does_not_wait_for_counters_of_other_communities(site):
    here = fill(site)
    site.add_community("other")
    go_ahead(site, here)
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("SELECT * FROM counters WHERE scope = 'other' FOR UPDATE"))
        assert answer(site, CLOCK_ANSWER) == 3


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_time_that_is_stored_while_others_are_filed_again_can_be_put_back(site, database):
    here = fill(site)
    go_ahead(site, here)
    late_ms = site.time.ms + 2 * YEARS["days"] * DAY_MS

    def come(_connection, _cursor, statement, *_):
        if "UPDATE announcements" in statement:
            database.rows(f"INSERT INTO announcements VALUES ('late', 'milestone.reached', 'site', {late_ms}, '{{}}')")

    event_of.listen(Engine, "before_cursor_execute", come)
    try:
        answer(site, CLOCK_ANSWER)
    finally:
        event_of.remove(Engine, "before_cursor_execute", come)
    answer(site, VISITS_ANSWER)
    assert site.rows("SELECT at_ms FROM announcements WHERE key = 'late'") == [(late_ms,)]


def test_a_doubt_about_the_clock_ends_after_ten_minutes_even_across_restarts(site):
    site.register("ayesha")
    site.time.put_right(**YEARS)
    site.restart()
    site.register("ahead")
    site.time.put_right(days=-YEARS["days"])
    site.restart()
    for _ in range(2):
        assert tick(site, minutes=4) == "doubt"
        site.restart()
    assert tick(site, minutes=3) == "doubt"
    site.services[ClockAnswers].tick()
    assert tick(site) == "right"
    answered = site.rows("SELECT details FROM audit_log WHERE action = 'clock.answer'")
    assert [(json.loads(details)["answer"], json.loads(details)["by"]) for (details,) in answered] == [
        ("clock", "time")
    ]


def test_a_clock_that_the_network_sets_ends_a_doubt_at_once(site):
    site.register("ayesha")
    site.time.put_right(days=-YEARS["days"])
    site.time.is_synchronised = True
    assert tick(site) == "doubt"
    site.services[ClockAnswers].tick()
    assert site.services[ClockWatch].reading.verdict == "right"


def test_rows_are_filed_again_only_after_all_workers_follow_the_answer(database):
    def second_passes() -> None:
        tick(site)
        site.services[ClockAnswers].tick()

    def later() -> int:
        rows = "SELECT at_ms FROM visits UNION ALL SELECT at_ms FROM events"
        return site.rows(f"SELECT count(*) FROM ({rows}) AS filed WHERE at_ms > :now", now=site.time.ms)[0][0]

    def is_refiling() -> bool:
        return bool(site.rows("SELECT * FROM nightly_work WHERE name = 'refiling' AND worker <> ''"))

    def all_is_filed_again() -> bool:
        second_passes()
        return not later() and not is_refiling()

    time = Time()
    with Site(database.url, time) as site, Site(database.url, time) as slow:
        site.register("ayesha")
        time.put_right(days=-YEARS["days"])
        assert tick(slow, seconds=2) == "doubt"
        time.is_synchronised = True
        for _ in range(3):
            second_passes()
            assert (later(), is_refiling()) == (1, False)
        wait_until(all_is_filed_again, "the visit is filed again")
        for say in (lambda: slow.register("slow"), lambda: event(slow, "slow", "click")):
            say()
            site.register("newest")
            assert later() == 1
            wait_until(all_is_filed_again, "the row is filed again")
        assert site.recount() == []


def test_the_time_advances_while_the_clock_is_wrong_even_across_a_restart(site):
    site.services.clock.release_ms = site.time.ms - 1
    newest_ms = site.register("ayesha") and site.time.ms
    site.time.put_right(days=-20_000)
    for seconds in (5, 10):
        assert tick(site, seconds=5) in ("wrong", "doubt")
        site.register(f"v{seconds}")
        assert filed(site)[-1][1] == newest_ms + 1000 * seconds
    before = filed(site)
    site.services.clock.release_ms = newest_ms - 1
    with pytest.raises(InvalidInput, match="Set the clock"):
        answer(site, CLOCK_ANSWER)
    assert filed(site) == before
    site.restart()
    site.time.pass_(seconds=5)
    site.register("later")
    assert filed(site)[-1][1] == newest_ms + 15_000


def test_no_row_expires_while_the_clock_is_in_doubt_or_ahead(site, tmp_path):
    site.register("ayesha", anonymous=True)
    for days, verdict in ((YEARS["days"], "right"), (-YEARS["days"], "right"), (-YEARS["days"], "doubt")):
        site.time.put_right(days=days)
        site.restart()
        assert tick(site) == verdict
        before = site.rows("SELECT * FROM visits"), site.rows("SELECT * FROM day_secrets")
        removed = days == -YEARS["days"] and verdict == "right"
        assert site.services.clock.allows_removal == removed
        if not removed:
            site.services[Nightly].tick()
            site.services[Anonymity].sweep()
            assert site.rows("SELECT name FROM nightly_work WHERE name = 'retention'") == []
        assert (site.rows("SELECT * FROM visits"), site.rows("SELECT * FROM day_secrets")) == before


def test_the_time_of_a_failed_nightly_run_is_known_after_a_restart(site, monkeypatch):
    site.register("ayesha")
    site.time.pass_(days=3)
    tick(site)
    with monkeypatch.context() as broken:
        broken.setattr(Retention, "reduce", fail)
        site.services[Nightly].tick()
        wait_until(lambda: not site.services[Nightly]._work._is_busy, "the night has failed")
    site.restart()
    tick(site)
    assert site.services.clock.allows_removal


def test_no_login_and_no_failed_login_is_removed_while_the_clock_is_ahead(site):
    def logins() -> set[tuple]:
        return {*site.rows("SELECT account FROM login_failures"), *site.rows("SELECT id FROM sessions")}

    sign_up(site)
    try_login(site, password="wrong wrong")
    before = logins()
    assert len(before) == 2
    site.time.put_right(**YEARS)
    tick(site)
    assert not site.services.clock.allows_removal
    try_login(site, "karim")
    log_in(site)
    assert before < logins()


def test_an_admin_answers_on_the_page_server_with_a_proof(site):
    site.register("ayesha")
    site.time.put_right(days=-YEARS["days"])
    site.restart()
    assert tick(site) == "doubt"
    (warning,) = site.client.get("/readyz").json["warnings"]
    assert "clock" in warning
    assert iso(site.time.ms) in warning
    page = panel(site)
    assert "The clock is right" in page.get("/admin/server?edit=clock")
    page.send("/admin/server/clock", 422, password="something else")
    assert site.services[ClockWatch].reading.verdict == "doubt"
    page.send("/admin/server/clock", password=PASSWORD)
    assert site.services[ClockWatch].reading.verdict == "right"
    page.send("/admin/server/clock", password=PASSWORD, visits="1")
    assert site.services[ClockWatch].reading.verdict == "wrong"


def test_admins_get_one_email_about_a_doubt(sqlite_database):
    mail = {"SMTP_URL": "smtp://127.0.0.1:9?from=live@example.com", "PUBLIC_URL": "https://live.example.com"}
    with Site(sqlite_database.url, **mail) as site:
        panel(site)
        confirm(site, "rani")
        site.register("ayesha")
        site.time.put_right(days=-YEARS["days"])
        for _ in range(2):
            site.restart()
            assert tick(site) == "doubt"
            site.services[ClockAnswers].tick()
        mails = site.rows("SELECT email FROM outbox WHERE kind = 'clock_doubted'")
        assert mails == [("rani@example.com",)]


def test_a_machine_with_a_different_clock_is_named_and_does_not_end_the_doubt(site, monkeypatch):
    site.register("ayesha")
    site.time.put_right(days=-YEARS["days"])
    site.restart()
    right_ms = site.time.ms + YEARS["days"] * DAY_MS
    watch = site.services[ClockWatch]
    other = Worker("other", machine="another start", host=host_name(), clock_ms=right_ms)
    monkeypatch.setattr(watch, "_workers", lambda: [other])
    assert tick(site) == "doubt"
    assert tick(site, minutes=11) == "doubt"
    assert watch.due_answer == ""
    named, doubt = site.client.get("/readyz").json["warnings"]
    assert f"The clock of {host_name()} shows" in named
    assert iso(right_ms) in named
    assert "clock" in doubt
