"""The outbox: entries are written with their action, sent by one worker within limits, retried, and removed."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from support.application.site import Site, Time, assert_error
from support.application.statements import plan_of, recorded
from support.people.accounts import PASSWORD, bare, confirm, log_in, sign_up
from support.people.admins import panel
from support.people.communities import PATH, found, invite
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until
from support.servers.mailbox import link_in

from koyjabo.counting.clock_watch import ClockWatch
from koyjabo.people.mail import outbox
from koyjabo.people.mail.mailable import mailable
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.mail_server.mail_warnings import LATE_MAILS
from koyjabo.upkeep.retention.retention import Retention

TEST_MAIL = "/admin/server/test-mail"

MANY = 3000
BACKLOG = """INSERT INTO outbox (kind, email, recipient, data, created_ms, due_ms, attempts)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
SELECT '{kind}', '', '', '{{}}', 1, {due}, 0 FROM numbers"""


def rows(site: Site, columns: str = "kind, attempts") -> list[tuple]:
    return site.rows(f"SELECT {columns} FROM outbox ORDER BY id")


def send(site: Site) -> None:
    site.services[MailOutbox].send_all()


def test_readyz_warns_of_emails_that_have_been_waiting_for_over_15_minutes(site, mailbox):
    def warnings() -> list[str]:
        site.services[MailOutbox].refresh()
        return site.client.get("/readyz").json.get("warnings", [])

    sign_up(site)
    mailbox.refusal = "450 try again later"
    send(site)
    site.time.pass_(minutes=15)
    assert warnings() == []
    site.time.pass_(seconds=1)
    assert warnings() == [LATE_MAILS]


def test_an_email_is_stored_with_its_cause_and_erased_after_sending(site, mailbox):
    person = sign_up(site)
    body = {"email": "ayesha@example.com", "password": "rickshaw at dawn"}
    assert bare(site).post("/api/auth/signup", json=body).status_code == 409
    assert rows(site) == [("verify", 0)]
    mailbox.refusal = "554 not here"
    send(site)
    assert person.get("/api/auth/me").status_code == 200
    assert rows(site, "kind, attempts, failure, done_ms") == [("verify", 1, "554 not here", None)]
    mailbox.refusal = ""
    send(site)
    assert mailbox.mails == []  # not before the pause is over
    site.time.pass_(minutes=1)
    site.services[MailOutbox].tick()  # in the background
    token = link_in(mailbox.wait_for("ayesha@example.com", "")).rpartition("/")[2]
    wait_until(lambda: rows(site, "email, data") == [("", "{}")], "nothing is left")
    stored = str([site.rows(f"SELECT * FROM {table}") for table in ("outbox", "email_links", "audit_log")])
    assert token not in stored
    send(site)
    assert len(mailbox.mails) == 1


def test_an_email_is_retried_for_a_day_with_growing_pauses(site, mailbox):
    mailbox.refusal = "451 later"
    sign_up(site)
    began = site.time.ms
    for attempts, minute in enumerate([0, 1, 4, 13, 40, 121, 361, 601, 841, 1081, 1321, 1561], 1):
        site.time.ms = began + (minute - 1) * 60_000
        send(site)
        assert (minute, mailbox.attempts) == (minute, attempts - 1)
        site.time.ms = began + minute * 60_000
        send(site)
        assert (minute, mailbox.attempts) == (minute, attempts)
    assert rows(site, "email, data, failure") == [("", "{}", "451 later")]
    mailbox.refusal = ""
    site.time.pass_(days=1)
    send(site)
    assert mailbox.mails == []


def test_no_email_is_given_up_while_the_clock_is_ahead(site, mailbox):
    mailbox.refusal = "451 later"
    sign_up(site)
    site.time.put_right(days=800)
    site.services[ClockWatch].tick()
    send(site)
    assert rows(site, "attempts, done_ms") == [(1, None)]


def test_one_server_sends_emails_at_a_time_and_another_takes_over_after_a_crash(database, mailbox):
    time = Time()
    with Site(database.url, time, **mailbox.settings()) as one, Site(database.url, time, **mailbox.settings()) as two:
        sign_up(one, "ayesha")
        one.services[MailOutbox]._take()  # and then it is killed
        sign_up(one, "karim")
        send(two)
        assert mailbox.mails == []
        time.pass_(seconds=61)
        send(two)
        assert sorted(mailbox.recipients) == ["ayesha@example.com", "karim@example.com"]
        two.close()
        sign_up(one, "salma")
        send(one)
        assert len(mailbox.mails) == 3  # at once, because the other server released the lease


def test_an_address_gets_at_most_five_emails_of_the_same_kind_in_an_hour(site, mailbox):
    sign_up(site)
    for spelling in ("ayesha@example.com", "AYESHA@example.com") * 4:
        answer = bare(site).post("/api/auth/password-reset", json={"email": spelling})
        assert answer.status_code == 202
    resets = "SELECT count(*) FROM outbox WHERE kind = 'reset'"
    assert site.rows(resets) == [(5,)]
    site.time.pass_(hours=1, seconds=1)
    bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
    assert site.rows(resets) == [(6,)]


def test_emails_reach_addresses_in_any_script_but_no_ambiguous_address(site, mailbox):
    refused = ("x<victim@example.com", "x,y@example.com")
    reached = {
        "josé@example.com": "josé@example.com",
        "k@dhākā.example": "k@xn--dhk-2oab.example",
        "ayesha@faß.example": "ayesha@xn--fa-hia.example",
        "rahim@উদাহরণ.example": "rahim@xn--d5b6ci4b4b3a.example",
        "josé@faß.example": "josé@xn--fa-hia.example",
    }
    for number, email in enumerate((*refused, *reached)):
        sign_up(site, f"person{number}", email=email)
    send(site)
    assert mailbox.recipients == list(reached.values())


def test_the_nightly_sweep_removes_sent_emails_and_expired_links(site, mailbox):
    founder = sign_up(site)
    send(site)
    confirm(site, "ayesha")
    invite(founder, found(founder)["id"], "karim@example.com")
    mailbox.refusal = "550 no"
    site.time.pass_(days=1)
    send(site)
    tables = ("outbox", "email_links", "invitations", "mail_budgets")
    counts = []
    for days in (0, 1, 6, 30):
        site.time.pass_(days=days, minutes=1)
        site.services[Retention].sweep()
        counts.append([site.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables])
    assert counts == [[1, 1, 1, 3], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_server_without_smtp_stores_no_email_and_returns_501(database):
    with Site(database.url) as site:
        reader = Reader(site).sign_up("ayesha")
        reader.send("/account/verify-email", 501)
        reader.send("/forgot-password", 501, email="ayesha@example.com")
        answer = bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
        assert_error(answer, 501, "mail_unavailable")
        assert rows(site) == []


def test_an_admin_receives_a_test_email_or_sees_the_reason_of_the_refusal(site, mailbox):
    admin = panel(site)
    mailbox.mails.clear()
    admin.send(TEST_MAIL, 200)
    assert [mail["To"] for mail in mailbox.mails] == ["rani@example.com"]
    mailbox.refusal = "554 5.7.1 <rani@example.com>: relaying <b>denied</b>"
    refused = admin.send(TEST_MAIL, 502)
    assert "554 5.7.1" in refused
    assert "<b>denied" not in refused
    assert 'id="warning-mails" data-level="warning"' in admin.get("/admin/server")
    mailbox.refusal = ""
    admin.send(TEST_MAIL, 200)
    assert 'id="warning-mails" data-level="warning"' not in admin.get("/admin/server")
    for status in (200, 200, 429):  # five in a minute
        admin.send(TEST_MAIL, status)
    site.rows("UPDATE users SET is_admin = false, is_viewer = true")
    admin.send(TEST_MAIL, 403)


def test_the_placeholder_email_of_the_first_admin_gets_no_email(site, mailbox):
    admin = panel(site)
    mailbox.mails.clear()
    site.rows("UPDATE users SET email = :email, email_key = :email", email=PLACEHOLDER_EMAIL)
    admin.send("/account/verify-email")
    page = admin.send(TEST_MAIL, 502)
    assert f"Your email {PLACEHOLDER_EMAIL} was made up" in words(page)
    assert 'id="warning-mails"' not in page  # the mail server is not to blame
    assert mailbox.mails == []
    site.rows("UPDATE users SET email = 'rani@example.com', email_key = 'rani@example.com'")
    assert "was made up" not in admin.get("/admin/server")


def mailed(site: Site, kind: str = "verify") -> int:
    return site.rows("SELECT count(*) FROM outbox WHERE kind = :kind", kind=kind)[0][0]


def join(site: Site, name: str, address: str = "192.0.2.1") -> int:
    body = {"email": f"{name}@example.com", "password": PASSWORD}
    headers = {"X-Forwarded-For": address}
    return bare(site).post("/api/auth/signup", json=body, headers=headers).status_code


def asked(person, community: str, email: str) -> str:
    """Invite `email`, and return the `mail` field of the response."""
    answer = person.post(f"{PATH}/{community}/members", json={"email": email, "role": "member"})
    assert answer.json["link"].startswith("https://live.example.com/invitations/")
    return answer.json["mail"]


def test_only_a_user_with_a_confirmed_email_sends_invitations_at_most_50_a_day(site, monkeypatch):
    assert outbox.MAX_MAILS_OF_ACCOUNT == 50
    monkeypatch.setattr(outbox, "MAX_MAILS_OF_ACCOUNT", 8)
    founder = sign_up(site, "founder")
    community = found(founder)["id"]
    assert asked(founder, community, "stranger@example.com") == "unconfirmed"
    assert mailed(site, "invitation") == 0
    confirm(site, "founder")
    found_ones = [asked(founder, community, f"stranger{number}@example.com") for number in range(9)]
    assert found_ones == ["queued"] * 7 + ["limited"] * 2, "the first email confirms the signup"
    site.time.pass_(days=1)
    founder.renew()
    assert [asked(founder, community, "one@example.com") for _ in range(6)] == ["queued"] * 6, "says nothing of others"
    assert mailed(site, "invitation") == 7 + 5


def test_a_limit_on_emails_is_logged_once_when_it_is_used_up(database, mailbox, caplog):
    settings = mailbox.settings(RATE_LIMIT_MAILS="20", TRUSTED_PROXIES="1")
    with Site(database.url, **settings) as site, caplog.at_level(logging.WARNING, "koyjabo"):
        one = [f"2001:db8:1::{number}" for number in range(3)]
        subnet = [f"2001:db8:1:{number}::1" for number in range(1, 9)]
        others = [f"2001:db8:1:{number}00::1" for number in range(1, 4)]
        counts = []
        for addresses in (one, subnet, others, [f"192.0.2.{number}" for number in range(12)]):
            for address in addresses:
                assert join(site, f"p{address}".replace(":", "-"), address) == 201
            counts.append(mailed(site))
            site.restart()
        assert counts == [2, 8, 10, 20]
        for mailbox.refusal in ("451 later", ""):
            site.services[MailOutbox].send_all()
            site.time.pass_(minutes=1)
        messages = [record.getMessage() for record in caplog.records if "mail_budget" in record.getMessage()]
        assert sorted(messages) == [f"mail_budget_used_up of={of} kind=verify" for of in (*["network"] * 3, "server")]
        site.time.pass_(days=1)
        assert (join(site, "tomorrow"), mailed(site)) == (201, 21)


def test_the_email_limits_apply_only_to_unconfirmed_addresses(database, mailbox):
    with Site(database.url, **mailbox.settings(RATE_LIMIT_MAILS="1")) as site:
        for name in ("ayesha", "karim", "salma"):
            sign_up(site, name)
        confirm(site, "karim")
        for name in ("karim", "salma", "ayesha"):
            bare(site).post("/api/auth/password-reset", json={"email": f"{name}@example.com"})
            for mailbox.refusal in ("451 later", ""):  # the retry does not count
                site.services[MailOutbox].send_all()
                site.time.pass_(minutes=1)
            body = {"email": f"{name}.new@example.com", "password": PASSWORD}
            assert log_in(site, name).patch("/api/auth/me", json=body).status_code == 200
        site.services[MailOutbox].send_all()
        assert sorted(mailbox.recipients) == ["ayesha@example.com", *["karim@example.com"] * 3, "salma@example.com"]


def send_invitation(site: Site, number: int) -> bool:
    queued_email = site.services[MailOutbox].email("invitation", f"{number}@example.com", None, sender=str(number))
    return site.services[MailOutbox]._database.write(queued_email.store)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def test_the_last_email_within_a_limit_is_sent_by_only_one_of_two_workers(postgres, mailbox):
    database, settings = postgres.new_database(), mailbox.settings(RATE_LIMIT_MAILS="3")
    with (
        Site(database.url, Time(), **settings) as one,
        Site(database.url, Time(), **settings) as two,
        ThreadPoolExecutor(2) as threads,
        closing(psycopg2.connect(database.url)) as holder,
    ):
        assert send_invitation(one, 1)
        assert send_invitation(one, 2)
        holder.cursor().execute("SELECT FROM mail_budgets FOR UPDATE")  # inserts do not wait for that
        sent = [threads.submit(send_invitation, site, number) for site, number in ((one, 3), (two, 4))]
        wait_until(lambda: database.rows(WAITING) == [(2,)], "both wait")
        holder.rollback()
        assert sorted(future.result() for future in sent) == [False, True]


@pytest.mark.both_kinds
def test_an_urgent_email_is_sent_before_thousands_of_invitations_without_reading_them(site, mailbox, kind):
    sign_up(site)
    for waiting, due in (("invitation", 2), ("weekly", 1)):
        site.rows(BACKLOG.format(kind=waiting, rows=MANY, due=due))
    site.rows("ANALYZE")
    bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
    with recorded() as statements:
        assert [site.services[MailOutbox]._take().kind for _ in range(2)] == ["reset", "verify"]
    looks = [statement for statement in statements if "due_ms" in statement[0] and statement[0].startswith("SELECT")]
    plans = [plan_of(site, kind, *look) for look in looks]
    assert len(plans) == 1 + 5
    assert [plan for plan in plans if "ix_outbox_due" not in plan or "B-TREE" in plan] == []


@pytest.mark.parametrize(
    "name",
    [
        "You have won, claim it at https://evil.example/claim",
        *("www.evil", "evil.example", "Evil.Example/claim", "evil。example", "evil\uff0eexample", "evil\u2024example"),
        *("e\u200bvil.\u200bexample", "ｅｖｉｌ．ｅｘａｍｐｌｅ", "evil.рф", "evil.বাংলা", "i❤.ws"),
        *("evil.xn--54b7fta0cc", "h\u2060ttp:\u2215\u2215evil", "me@evil", "192.0.2.1/x"),
        *("\\\\evil\\share", "evil\u0701example", "evil\ufe52com"),
    ],
)
def test_a_name_with_an_address_is_not_sent_in_an_email(name):
    assert mailable(f"Prize {name} office") == ""


@pytest.mark.parametrize("name", ["মো.করিম", "ড.মুহাম্মদ ইউনূস", "A.K.M. Fazlul", "No. 5, 10.15 h", "Wait...", "24/7"])
def test_an_ordinary_name_is_sent_unchanged(name):
    assert mailable(name) == name
    assert mailable(f"{name}\r\nBcc:\x00\u2028\u202ebus\x85") == f"{name} Bcc: bus"
