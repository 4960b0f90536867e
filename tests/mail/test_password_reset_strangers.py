"""A forgotten password: what strangers learn of it, and what they can do with links."""

from __future__ import annotations

import logging

from support.account_calls import sign_up
from support.app_fixtures import Site, assert_error
from support.described import assert_described
from support.mailbox import link_in, path_in
from support.page_calls import Reader, words
from support.reset_calls import NEW, ask, mailed, use
from support.statements import recorded


def test_host_of_the_request_is_in_no_mail(site, mailbox):
    sign_up(site)
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
    assert ask(site, headers=hostile).status_code == 202
    site.services.mail.send_all()
    mail = mailbox.wait_for("ayesha@example.com", "Choose a new password")
    assert link_in(mail).startswith("https://live.example.com/reset-password/")
    assert "evil" not in mail.as_string()


def test_stranger_learns_nothing_and_gets_no_mail(site, mailbox):
    sign_up(site)
    site.services.mail.send_all()
    mailbox.mails.clear()
    known, unknown = ask(site), ask(site, "nobody@example.com")
    for answer in (known, unknown):
        assert_described(site, answer)
        assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (202, b"", "no-store")
    assert {name for name, _ in known.headers} == {name for name, _ in unknown.headers}
    site.services.mail.send_all()
    assert mailbox.recipients[-1] == "ayesha@example.com"
    assert mailbox.subjects() == ["Choose a new password"]
    pages = [Reader(site).send("/forgot-password", email=f"{name}@example.com") for name in ("ayesha", "nobody")]
    assert pages[0] == pages[1]
    sent = Reader(site)
    sent.send("/forgot-password", email="nobody@example.com")
    assert "If there is an account with this email" in words(sent.get(sent.location))


def test_same_work_is_done_for_emails_without_an_account(site):
    """Both write the same row; who it is for is found out when the mail is sent. So both take as long."""
    sign_up(site)
    asked = []
    for email in ("ayesha@example.com", "nobody@example.com"):
        with recorded() as statements:
            assert ask(site, email).status_code == 202
        assert not any("users" in statement for statement, _ in statements)
        asked.append([statement for statement, _ in statements])
    assert asked[0] == asked[1] != []


def test_what_is_no_email_is_refused(site):
    for email in ("", "nobody", None, 5, "a\0@example.com"):
        assert_error(ask(site, email), 400, "invalid_input", "email")


def test_asking_is_limited_by_address(database, mailbox):
    with Site(database.url, RATE_LIMIT_LOGINS="20", **mailbox.settings()) as site:
        peer = {"REMOTE_ADDR": "203.0.113.9"}
        statuses = [ask(site, f"{n}@example.com", environ_overrides=peer).status_code for n in range(11)]
        assert statuses == [202] * 10 + [429]


def test_what_is_no_token_opens_nothing(site, mailbox):
    sign_up(site)
    site.services.mail.send_all()
    use(site, path_in(mailbox.mails[0]).replace("verify-email", "reset-password"), 404)  # for another purpose
    for token in ("", "x", "x" * 43, "A" * 43, "%00" * 43, "../login", "x" * 5000):
        path = f"/reset-password/{token}"
        assert site.client.get(path, headers={"Accept": "text/html"}).status_code == 404, token
        assert site.client.post(path, data={"new_password": NEW}).status_code in (404, 405), token


def test_nothing_secret_or_personal_is_logged(site, mailbox, caplog):
    caplog.set_level(logging.DEBUG)
    sign_up(site)
    path = mailed(site, mailbox)
    use(site, path)
    use(site, path, 404)
    mailbox.refusal = "550 ayesha@example.com is unknown"
    ask(site)
    site.services.mail.send_all()
    assert "mail_sent kind=reset" in caplog.text
    assert "mail_delayed kind=reset reason=550" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("koyjabo"))
    for secret in ("ayesha", path.rpartition("/")[2], NEW):
        assert secret not in ours
