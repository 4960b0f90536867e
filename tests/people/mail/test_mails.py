"""Emails: when they are sent, who receives them, and their language and content."""

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, bare, confirm, log_in, sign_up
from support.people.admins import last_line
from support.people.page_readers import Reader
from support.people.two_step import App, first_step, second_step, turn_on
from support.servers.mailbox import LINK, RESET_SUBJECT, html_of, path_in, text_of

from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail import outbox_queries
from koyjabo.people.mail.contents import CONTENTS_BY_KIND
from koyjabo.people.mail.kinds import KIND_LABELS
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail_server.admin import MAIL_LABELS

PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
LOGIN = {"email": "ayesha@example.com", "password": PASSWORD}
NEW = "launch at dusk"


def send(site: Site) -> None:
    site.services[MailOutbox].send_all()


def news(site: Site, mailbox) -> list[str]:
    """Subjects of the emails sent since the last call."""
    send(site)
    subjects = mailbox.subjects()
    mailbox.mails.clear()
    return subjects


def reset_link(site: Site, mailbox) -> str:
    assert site.client.post("/api/auth/password-reset", json={"email": LOGIN["email"]}).status_code == 202
    send(site)
    return path_in(mailbox.wait_for(LOGIN["email"], RESET_SUBJECT))


def confirmed(site: Site, mailbox, name: str = "ayesha", language: str = "en") -> Reader:
    """A person who has used the link in the first email."""
    reader = Reader(site, language).sign_up(name)
    send(site)
    reader.send(path_in(mailbox.to(f"{name}@example.com")[0]))
    mailbox.mails.clear()
    return reader


def test_all_kinds_of_emails_have_a_label_and_a_place_in_the_order():
    assert set(CONTENTS_BY_KIND) == {*MAIL_LABELS, *KIND_LABELS} == set(outbox_queries.MAIL_ORDER)


def test_an_email_contains_a_plain_text_and_a_simple_html_part_without_images(site, mailbox):
    sign_up(site)
    send(site)
    (mail,) = mailbox.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert (mail["From"], mail["To"]) == ("Koy Jabo <live@example.com>", "ayesha@example.com")
    assert mail["Auto-Submitted"] == "auto-generated"
    html = html_of(mail)
    assert not any(word in html for word in ("<img", "<link", "<script", "url(", "src="))
    assert LINK.findall(html)
    assert f"background: {site.services[Settings].palette.accent.light};" in html


def test_a_link_confirms_the_email_with_a_button_once_only_for_its_account(site, mailbox):
    reader = Reader(site).sign_up("ayesha")
    reader.send("/account/verify-email")
    send(site)
    first, path = map(path_in, mailbox.to("ayesha@example.com"))
    reader.get(path)
    policy = reader.headers_of_answer["Referrer-Policy"]
    assert policy == "same-origin", "else a browser's form has no login: Origin: null"
    site.rows("UPDATE users SET email = 'b@example.com', email_key = 'b@example.com'")
    reader.send(path, 404)  # it is for another email address
    site.rows("UPDATE users SET email = 'ayesha@example.com', email_key = 'ayesha@example.com'")
    for other in (Reader(site), Reader(site).sign_up("karim")):  # only the account's user may use the link
        other.get(path, 200 if other.csrf else 303)
        other.send(path, 404 if other.csrf else 303)
    confirmed = "SELECT count(*) FROM users WHERE verified_ms IS NOT NULL"
    assert site.rows(confirmed) == [(0,)]
    reader.send(path)
    assert (site.rows(confirmed), last_line(site)[1]) == ([(1,)], "user.verify")
    reader.send("/account/verify-email")
    send(site)
    assert len(mailbox.to("ayesha@example.com")) == 2
    for used in (first, path):
        reader.send(used, 404)


def test_only_a_login_from_an_unfamiliar_browser_sends_an_email(site, mailbox):
    owner = Reader(site).sign_up("ayesha")
    news(site, mailbox)
    owner.send("/logout")
    owner.log_in("ayesha")
    Reader(site).send("/login", 422, email="ayesha@example.com", password="wrong")
    assert news(site, mailbox) == []
    stranger = Reader(site)
    stranger.headers |= {"User-Agent": PHONE}
    stranger.log_in("ayesha")
    stranger.send("/logout")
    stranger.log_in("ayesha")
    send(site)
    (mail,) = mailbox.mails
    assert "Chrome, Android\nUnknown\n16 December 2025, 10:48" in text_of(mail).replace("\r", "")
    assert "127.0.0.1" not in mail.as_string()
    assert "https://live.example.com/account" in text_of(mail)


def test_a_changed_email_is_sent_to_both_addresses_and_the_new_one_is_unconfirmed(site, mailbox):
    reader = confirmed(site, mailbox, "ayesha", "bn")
    reset = site.client.post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
    assert reset.status_code == 202
    send(site)
    old_link = path_in(mailbox.mails.pop())
    reader.send("/account/details", name="Ayesha", email="a@example.com", password=PASSWORD)
    send(site)
    assert [mail["To"] for mail in mailbox.mails] == ["ayesha@example.com", "a@example.com"]
    confirmed_at = "SELECT verified_ms FROM users"
    assert site.rows(confirmed_at) == [(None,)]
    assert Reader(site).get(old_link, 404)
    reader.send(path_in(mailbox.mails[1]))
    assert site.rows(confirmed_at) == [(site.time.ms,)]
    mailbox.mails.clear()
    karim = sign_up(site, "karim")
    assert karim.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
    assert site.rows("SELECT email, data FROM outbox WHERE id = (SELECT max(id) FROM outbox)") == [("", "{}")]
    assert news(site, mailbox) == [], "mails to a deleted account are not sent"


def test_emails_use_the_language_of_the_signup_until_the_user_chooses_another(site, mailbox):
    answer = bare(site).post("/api/auth/signup", json=LOGIN, headers={"Accept-Language": "bn-BD,bn;q=0.9"})
    assert answer.status_code == 201
    send(site)
    assert mailbox.subjects() == ["আপনার ইমেইল নিশ্চিত করুন"]
    reader = Reader(site, "bn").log_in("ayesha")
    reader.send("/language", language="en", next="/account")
    log_in(site)
    send(site)
    assert mailbox.subjects()[-1].isascii()
    Reader(site).send("/language", language="bn")  # without an account
    assert site.rows("SELECT language FROM users") == [("en",)]


@pytest.fixture
def app(site, mailbox) -> App:
    app = turn_on(sign_up(site))
    confirm(site, "ayesha")
    site.time.pass_(minutes=5)
    news(site, mailbox)
    return app


def test_a_password_reset_keeps_two_step_login_and_forgets_remembered_browsers(site, mailbox, app):
    browser = site.app.test_client()
    assert second_step(site, first_step(site).token, app.code(), browser, remember=True).status_code == 200
    waiting = first_step(site).token
    Reader(site).send(reset_link(site, mailbox), new_password=NEW)
    assert second_step(site, waiting, app.next_code()).status_code == 401
    for client in (browser, bare(site)):
        assert list(client.post("/api/auth/login", json={**LOGIN, "password": NEW}).json) == ["second_factor"]
    assert second_step(site, first_step(site, password=NEW).token, app.recovery_codes[0]).status_code == 200


@pytest.mark.parametrize("role", ["is_admin", "is_viewer"])
def test_admins_and_viewers_with_an_unconfirmed_email_keep_two_step_login_after_a_reset(site, mailbox, app, role):
    """Otherwise, after a typo in a new email address, that address's owner could take over the role."""
    site.rows(f"UPDATE users SET verified_ms = NULL, {role} = true")
    path = reset_link(site, mailbox)
    Reader(site).send(path, new_password=NEW)
    assert first_step(site, password=NEW).methods == ["totp", "recovery"]


def test_a_new_password_invalidates_the_reset_links(site, mailbox):
    """Otherwise, for half an hour, a reader of an old email could replace the password."""
    person = sign_up(site)
    path = reset_link(site, mailbox)
    new = {"current_password": PASSWORD, "new_password": NEW}
    assert person.post("/api/auth/password", json=new).status_code == 204
    Reader(site).send(path, 404, new_password="yet another one")
    assert log_in(site, password=NEW).id == person.id
