"""The outbox: entries are written with their action, sent by one worker, retried, and removed. The test email."""

from support.application.site import Site, Time, assert_error
from support.people.accounts import bare, confirm, sign_up
from support.people.admins import panel
from support.people.communities import found, invite
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until
from support.servers.mailbox import link_in

from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.upkeep.retention.retention import Retention

TEST_MAIL = "/admin/server/test-mail"


def rows(site: Site, columns: str = "kind, attempts") -> list[tuple]:
    return site.rows(f"SELECT {columns} FROM outbox ORDER BY id")


def send(site: Site) -> None:
    site.services[MailOutbox].send_all()


def test_an_email_is_stored_with_its_cause_and_erased_after_sending(site, mailbox):
    person = sign_up(site)
    body = {"email": "ayesha@example.com", "password": "rickshaw at dawn"}
    assert bare(site).post("/api/auth/signup", json=body).status_code == 409
    assert rows(site) == [("verify", 0)]
    mailbox.refusal = "554 not here"
    send(site)
    assert person.get("/api/auth/me").status_code == 200
    assert rows(site, "kind, attempts, failure, done_ms") == [("verify", 1, "554", None)]
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
    assert rows(site, "email, data, failure") == [("", "{}", "451")]
    mailbox.refusal = ""
    site.time.pass_(days=1)
    send(site)
    assert mailbox.mails == []


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


def test_the_test_emails_of_an_admin_are_limited_to_five_a_minute(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        for _ in range(5):
            admin.send(TEST_MAIL, 501)
        admin.send(TEST_MAIL, 429)
