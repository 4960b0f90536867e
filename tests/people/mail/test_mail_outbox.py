"""The outbox: entries are written with their action, sent by one worker, retried, and removed."""

from support.application.site import Site, Time, assert_error
from support.people.accounts import bare, confirm, log_in, sign_up
from support.people.admins import panel
from support.people.communities import found, invite
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until
from support.servers.mailbox import link_in

from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.retention.retention import Retention


def rows(site: Site, columns: str = "kind, attempts") -> list[tuple]:
    return site.rows(f"SELECT {columns} FROM outbox ORDER BY id")


def send(site: Site) -> None:
    site.services[MailOutbox].send_all()


def test_email_is_stored_with_its_action_and_erased_after_sending(site, mailbox):
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
    token = link_in(mailbox.wait_for("ayesha@example.com", "Confirm your email")).rpartition("/")[2]
    wait_until(lambda: rows(site, "email, data") == [("", "{}")], "nothing is left")
    stored = str([site.rows(f"SELECT * FROM {table}") for table in ("outbox", "email_links", "audit_log")])
    assert token not in stored
    send(site)
    assert mailbox.subjects() == ["Confirm your email"]


def test_it_is_tried_for_a_day_with_growing_pauses_and_then_given_up(site, mailbox):
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


def test_panel_says_what_waits_and_what_was_given_up_and_no_address(site, mailbox):
    admin = panel(site)
    send(site)
    mailbox.refusal = "550 no such user: karim@example.com"
    sign_up(site, "karim")
    send(site)
    page = words(admin.get("/admin/server"))
    assert "Waiting 1 Oldest 16 Dec 2025, 10:48 Last problem 550" in page
    site.time.pass_(days=2)
    send(site)
    page = words(admin.get("/admin/server"))
    assert "Waiting 0" in page
    assert "18 Dec 2025, 10:48 Confirm an email 550" in page
    assert "karim" not in page


def test_one_server_sends_at_a_time_and_the_next_one_takes_over(database, mailbox):
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


def test_one_address_gets_few_mails_of_one_kind(site, mailbox):
    sign_up(site)
    for spelling in ("ayesha@example.com", "AYESHA@example.com") * 4:
        answer = bare(site).post("/api/auth/password-reset", json={"email": spelling})
        assert answer.status_code == 202
    send(site)
    assert mailbox.subjects().count("Choose a new password") == 5
    site.time.pass_(hours=1, seconds=1)
    bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
    send(site)
    assert mailbox.subjects().count("Choose a new password") == 6


def test_addresses_in_any_script_are_reached_but_ambiguous_ones_are_not(site, mailbox):
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


def test_night_removes_what_was_sent_and_what_has_expired(site, mailbox):
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
    sign_up(site, "salma")
    with Site(site.database_url, site.time) as silent:
        for days, left in ((29, 1), (1, 0)):
            site.time.pass_(days=days)
            silent.services[Retention].sweep()
            assert len(rows(site)) == left, "mails that wait are removed in the end, though no server sends any"


def test_without_smtp_nothing_is_stored_and_calls_and_pages_say_so(database):
    with Site(database.url) as site:
        reader = Reader(site).sign_up("ayesha")
        assert "Not confirmed" not in (page := words(reader.get("/account"))), "nobody can change it"
        assert "Email is not set up on this server, so it cannot confirm your address" in page
        reader.send("/account/verify-email", 501)
        community = found(log_in(site))["id"]
        page = words(reader.get(f"/communities/{community}/members"))
        assert "Email is not set up on this server: you get a link to send yourself." in page
        assert "koyjabo user password EMAIL" in words(Reader(site).get("/forgot-password"))
        Reader(site).send("/forgot-password", 501, email="ayesha@example.com")
        answer = bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
        assert_error(answer, 501, "mail_unavailable")
        assert rows(site) == []
