"""The test email from the page Server is sent like any other email, and the page shows the mail server's response."""

import re

import requests
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.programs.patience import PATIENCE_S
from support.servers.mailbox import text_of

from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL

PATH = "/admin/server/test-mail"


def test_admin_gets_a_test_email_or_reads_the_reason(site, mailbox):
    admin = panel(site)
    mailbox.mails.clear()
    page = words(admin.send(PATH, 200))
    assert "The mail server accepted the test email to rani@example.com." in page
    assert [mail["To"] for mail in mailbox.mails] == ["rani@example.com"]
    assert "Email from this server works." in text_of(mailbox.mails[0])
    mailbox.refusal = "554 5.7.1 <rani@example.com>: relaying <b>denied</b>"
    refused = admin.send(PATH, 502)
    assert "The mail server refused the email. The mail server said: 554 5.7.1" in words(refused)
    assert "<b>denied" not in refused
    page = admin.get("/admin/server")
    assert 'id="warning-mails" data-level="warning"' in page
    assert "The last test email was not sent" in words(page)
    mailbox.refusal = ""
    admin.send(PATH, 200)
    assert "The last test email was not sent" not in words(admin.get("/admin/server"))
    site.rows("UPDATE users SET is_admin = false, is_viewer = true")
    admin.send(PATH, 403)


def test_made_up_email_of_the_first_admin_is_a_step_and_gets_no_email(site, mailbox):
    admin = panel(site)
    mailbox.mails.clear()
    site.rows("UPDATE users SET email = :email, email_key = :email", email=PLACEHOLDER_EMAIL)
    admin.send("/account/verify-email")
    assert "Enter your own email first." in words(admin.get(admin.location))
    assert "Send a test email" not in admin.get("/admin/server")
    page = admin.send(PATH, 502)
    assert "not an address that mail can be sent to. Change your details" in words(page)
    assert f"Your email {PLACEHOLDER_EMAIL} was made up" in words(page)
    assert 'id="warning-mails"' not in page  # the mail server is not to blame
    assert mailbox.mails == []
    site.rows("UPDATE users SET email = 'rani@example.com', email_key = 'rani@example.com'")
    assert "was made up" not in admin.get("/admin/server")


def test_test_email_from_a_server_leaves_no_error_in_its_log(new_server, sqlite_database, mailbox):
    server = new_server(sqlite_database, **mailbox.settings(ENVIRONMENT="development")).start()
    browser = requests.Session()
    browser.get(f"{server.url}{re.search('/login/link/.+', server.log)[0]}", timeout=PATIENCE_S)
    token = {"csrf_token": browser.cookies["csrf_access_token"]}
    own = {"name": "Rani", "email": "rani@example.com", "password": re.search(r"password (\S+)", server.log)[1]}
    browser.post(f"{server.url}/account/details", {**token, **own}, timeout=PATIENCE_S)
    browser.post(server.url + PATH, token, timeout=PATIENCE_S)
    assert "mail_tested reason=None" in server.log
    assert "Traceback" not in server.log


def test_tests_are_limited_and_a_server_without_mail_says_so(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        page = admin.get("/admin/server")
        assert "Email Not set: no one can reset a password" in words(page)
        assert "Send a test email" not in page
        for _ in range(5):
            admin.send(PATH, 501)
        admin.send(PATH, 429)
