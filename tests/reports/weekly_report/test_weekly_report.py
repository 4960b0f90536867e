"""The weekly report: recipients, time and content. It is sent once, by any worker."""

from zoneinfo import ZoneInfo

import pytest
from support.application.site import Site, Time
from support.people.accounts import disable, sign_up
from support.people.page_readers import Reader
from support.programs.processes import wait_until
from support.servers.mailbox import Mailbox, html_of, path_in, text_of

from koyjabo.base.models import Scope
from koyjabo.people.mail.localizer import Localizer
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.members import peak_queries
from koyjabo.reports.weekly_report import email
from koyjabo.reports.weekly_report.weekly_report import WeeklyReport

FRIDAY, SATURDAY, SUNDAY = (f"2025-12-{day}T12:00:00+06:00" for day in (12, 13, 14))
EARLY, MORNING = "2025-12-14T07:59:00+06:00", "2025-12-14T08:00:00+06:00"


@pytest.fixture(scope="module")
def mailbox():
    mailbox = Mailbox().start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def site(database, mailbox):
    mailbox.mails.clear()
    with Site(database.url, Time.at(FRIDAY), RATE_LIMIT_LOGINS="0", **mailbox.settings()) as site:
        yield site


def wants(site: Site, mailbox: Mailbox, name: str, language: str = "en") -> Reader:
    """A user who has confirmed their email and subscribed to the report."""
    reader = Reader(site, language).sign_up(name)
    site.services[MailOutbox].send_all()
    reader.send(path_in(mailbox.to(f"{name}@example.com")[-1]))
    reader.send("/account/mails", weekly_report="on")
    assert 'name="weekly_report" type="checkbox" checked' in reader.get("/account")
    return reader


def tick(site: Site) -> None:
    """Write what is due, and send it."""
    write(site)
    site.services[MailOutbox].send_all()


def reports(mailbox: Mailbox) -> list:
    return [mail for mail in mailbox.mails if mail["Subject"].startswith(("Weekly report", "সপ্তাহের হিসাব"))]


def test_the_weekly_report_has_the_figures_their_change_and_the_communities_of_the_reader(site, mailbox):
    site.time.go_to("2025-12-03T12:00:00+06:00")
    for number in range(4):
        site.register(f"early{number}")
    site.time.go_to(FRIDAY)
    wants(site, mailbox, "ayesha")
    ayesha = Reader(site).log_in("ayesha")
    ayesha.send("/communities/new", name="Night bus", open="on", listed="on")
    community = ayesha.location.partition("/communities/")[2].partition("?")[0]
    for number in range(5):
        site.register(f"late{number}", communityId=community)
    site.register("early0")
    site.services[MailOutbox]._database.write(peak_queries.store, Scope(community), "2025-12-12", 12, 1)
    site.time.go_to(MORNING)
    site.register("today")
    tick(site)
    (mail,) = reports(mailbox)
    assert mail["Subject"] == "Weekly report: 6 visits"
    text = text_of(mail).replace("\r", "")
    assert "7 December 2025 – 13 December 2025" in text
    assert "Total visits: 11\nVisits this week: 6 (+50%)\nNew visitors: 5 (+25%)" in text
    assert "Night bus\nVisits this week: 5\nMost people online at once: 12" in text


def visit(site: Site, visitor: str, page: str, source: str = "", place: str = "Unknown") -> None:
    site.register(visitor, page=page, referrer=source)
    site.rows("UPDATE visits SET place = :place WHERE id = (SELECT max(id) FROM visits)", place=place)


def test_admins_and_viewers_receive_the_top_pages_sources_and_locations_and_members_do_not(site, mailbox):
    site.time.go_to("2025-12-03T12:00:00+06:00")
    visit(site, "v0", "/metro", "https://www.google.com/", "Dhaka, BD")
    site.time.go_to(FRIDAY)
    for number, page in enumerate(("/metro", "/metro", "/metro", "/100%(count)s", "/a", "/b", "/c", "/d")):
        visit(site, f"v{number}", page, "https://m.facebook.com/" if number > 2 else "", "Dhaka, BD")
    for name, language in (("ayesha", "en"), ("karim", "bn"), ("salma", "en")):
        wants(site, mailbox, name, language)
    site.rows("UPDATE users SET is_admin = true WHERE email = 'ayesha@example.com'")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'karim@example.com'")
    site.time.go_to(MORNING)
    tick(site)
    mails = {mail["To"]: mail for mail in reports(mailbox)}
    text = text_of(mails["ayesha@example.com"]).replace("\r", "")
    assert "Pages\n- /metro: 3 (+200%)\n- /100%(count)s: 1\n" in text
    assert "Sources\n- Facebook: 5\n- Direct: 3\n" in text
    assert "Locations\n- Dhaka, Bangladesh: 8 (+700%)\n" in text
    assert text.partition("Pages\n")[2].partition("\n\n")[0].count("\n") == 4
    assert "<li>Facebook: 5</li>" in html_of(mails["ayesha@example.com"])
    assert "ঢাকা, বাংলাদেশ: ৮ (+৭০০%)" in text_of(mails["karim@example.com"])
    assert "/metro" not in text_of(mails["salma@example.com"])


def test_the_weekly_report_is_sent_once_a_week_on_sunday_morning(site, mailbox):
    wants(site, mailbox, "ayesha")
    seen = []
    for moment in (SATURDAY, EARLY, MORNING, SUNDAY, "2025-12-20T23:00:00+06:00", "2025-12-21T09:00:00+06:00"):
        site.time.go_to(moment)
        tick(site)
        seen.append(len(reports(mailbox)))
    assert seen == [1, 1, 2, 2, 2, 3]  # the first report is about the week before


def test_the_weekly_report_is_sent_only_to_enabled_accounts_with_a_confirmed_email(site, mailbox):
    ayesha = wants(site, mailbox, "ayesha")
    wants(site, mailbox, "rahim", "bn")
    wants(site, mailbox, "karim")
    disable(site, "karim@example.com")
    sign_up(site, "salma")
    site.rows("UPDATE users SET weekly_report = true WHERE email = 'salma@example.com'")
    ayesha.send("/account/mails")
    assert 'name="weekly_report" type="checkbox" checked' not in ayesha.get("/account")
    site.time.go_to(MORNING)
    tick(site)
    assert [mail["To"] for mail in reports(mailbox)] == ["rahim@example.com"]
    assert reports(mailbox)[0]["Subject"] == "সপ্তাহের হিসাব: ০টি ভিজিট"


def test_only_one_of_two_servers_writes_the_weekly_reports_and_the_other_one_continues(database, mailbox, monkeypatch):
    time = Time.at(FRIDAY)
    with Site(database.url, time, **mailbox.settings()) as one, Site(database.url, time, **mailbox.settings()) as two:
        for name in ("ayesha", "karim"):
            wants(one, mailbox, name)
        for site in (one, two):
            write(site)
        assert written(one) == 2  # about the week before
        time.go_to(MORNING)
        outbox, emails = one.services[WeeklyReport]._outbox, []
        queued_email = outbox.email

        def broken(*args, **values):
            assert not emails, "killed after the first email"
            emails.append(args)
            return queued_email(*args, **values)

        with monkeypatch.context() as patch:
            patch.setattr(outbox, "email", broken)
            write(one)
        write(two)
        assert written(one) == 3
        time.pass_(minutes=3)
        for site in (two, one, two):
            write(site)
        assert written(one) == 4


def test_the_weekly_report_leaves_out_a_community_name_that_looks_like_a_link():
    week = {"visits": 1, "visits_before": 1, "most": 1, "name": "evil.example"}
    assert "evil" not in email._community(Localizer("en", ZoneInfo("Asia/Dhaka")), week)


def write(site: Site) -> None:
    """Write what is due, and wait until that is done, but send nothing."""
    weekly = site.services[WeeklyReport]
    weekly.tick()
    wait_until(lambda: not weekly._work._is_busy, "the work is done")


def written(site: Site) -> int:
    return site.rows("SELECT count(*) FROM outbox WHERE kind = 'weekly'")[0][0]
