"""Emails to unconfirmed addresses: who causes them, how many are sent a day, and which names they may contain."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from support.application.site import Site, Time
from support.application.statements import plan_of, recorded
from support.people.accounts import PASSWORD, bare, confirm, log_in, sign_up
from support.people.communities import PATH, found
from support.programs.processes import wait_until
from support.servers.mailbox import html_of, text_of

from koyjabo.people.mail import outbox
from koyjabo.people.mail.mailable import mailable
from koyjabo.people.mail.outbox import MailOutbox

MANY = 3000
BACKLOG = """INSERT INTO outbox (kind, email, recipient, data, created_ms, due_ms, attempts)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
SELECT '{kind}', '', '', '{{}}', 1, {due}, 0 FROM numbers"""


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


def send(site: Site, number: int) -> bool:
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
        assert send(one, 1)
        assert send(one, 2)
        holder.cursor().execute("UPDATE mail_budgets SET used = used")
        sent = [threads.submit(send, site, number) for site, number in ((one, 3), (two, 4))]
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


def test_an_invitation_contains_no_name_with_an_address(site, mailbox):
    founder = sign_up(site, "evil.example")
    confirm(site, "evil.example")
    community = found(founder, name="Claim it at https://evil.example")["id"]
    assert asked(founder, community, "stranger@example.com") == "queued"
    site.services[MailOutbox].send_all()
    (mail,) = mailbox.to("stranger@example.com")
    assert "evil" not in mail.as_string() + text_of(mail) + html_of(mail)
