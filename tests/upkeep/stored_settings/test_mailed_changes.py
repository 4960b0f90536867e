"""Admins get an email when PUBLIC_URL or SMTP_URL changes, by the earlier mail server: the new one may be a thief's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.people.accounts import promote, sign_up
from support.people.admins import panel
from support.programs.processes import wait_until
from support.servers.mailbox import PUBLIC_URL, Mailbox, text_of

from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

SUBJECT = "Settings of this site were changed"
THIEF = "https://evil.example"


@pytest.fixture
def mailboxes() -> Iterator[tuple[Mailbox, Mailbox]]:
    both = Mailbox().start(), Mailbox().start()
    yield both
    for mailbox in both:
        mailbox.stop()


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        panel(site)
        promote(site, sign_up(site, "salma").email)
        sign_up(site, "karim")
        yield site


def change(site: Site, **values: str) -> None:
    site.services[StoredSettings].change(OPERATOR, **values)


def deliver(site: Site) -> None:
    site.services[MailOutbox].send_all()


def test_a_new_address_is_emailed_with_the_earlier_address_in_the_link(site, mailboxes):
    mailbox, _ = mailboxes
    change(site, SMTP_URL=mailbox.url(), PUBLIC_URL=PUBLIC_URL)
    deliver(site)
    assert SUBJECT not in mailbox.subjects(), "there was no earlier mail server"
    change(site, PUBLIC_URL=THIEF, SITE_NAME="Rail Count")
    deliver(site)
    mails = [mail for mail in mailbox.mails if mail["Subject"] == SUBJECT]
    assert sorted(mail["To"] for mail in mails) == ["rani@example.com", "salma@example.com"]
    for mail in mails:
        assert f"{PUBLIC_URL}/admin/server" in text_of(mail)
        assert THIEF not in mail.as_string()


def test_a_new_mail_server_is_emailed_by_the_earlier_one(site, mailboxes):
    earlier, new = mailboxes
    change(site, SMTP_URL=earlier.url(), PUBLIC_URL=PUBLIC_URL)
    deliver(site)
    earlier.refusal = "451 later"
    change(site, SMTP_URL=new.url(), PUBLIC_URL=THIEF)
    deliver(site)
    site.restart()
    earlier.refusal = ""
    site.time.pass_(minutes=2)
    site.services[MailOutbox].tick()
    wait_until(lambda: earlier.subjects().count(SUBJECT) == 2, "both admins have their email")
    assert SUBJECT not in new.subjects()
    assert THIEF not in "".join(mail.as_string() for mail in earlier.mails)


def test_the_password_of_the_earlier_mail_server_is_sealed_and_deleted_after_the_email(site, mailboxes):
    mailbox, _ = mailboxes
    change(site, SMTP_URL=mailbox.url(login="user:hush@"), PUBLIC_URL=PUBLIC_URL)
    change(site, PUBLIC_URL=THIEF)
    rows = "SELECT data FROM outbox WHERE kind = 'settings'"
    assert len(site.rows(rows)) == 2
    assert "hush" not in str(site.rows(rows))
    deliver(site)
    site.time.pass_(days=2)
    deliver(site)
    assert site.rows(rows) == [("{}",)] * 2, "given up"
    assert "settings" not in str(site.services[MailOutbox].status().failures), "the new mail server is not to blame"
