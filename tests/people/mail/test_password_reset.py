"""A forgotten password: the email, its link, the page, and what strangers can learn."""

from concurrent.futures import ThreadPoolExecutor

from support.application.site import Site, assert_error
from support.application.statements import recorded
from support.assertions.openapi import assert_described
from support.databases.at_once import hold_for_two
from support.people.accounts import bare, disable, log_in, sign_up, try_login
from support.people.page_readers import Reader
from support.servers.mailbox import RESET_SUBJECT, link_in, path_in
from support.sites.full_account import AccountHistory, tables_of_users, tables_with

from koyjabo.people.mail.outbox import MailOutbox

RESET, NEW = "/api/auth/password-reset", "launch at dusk"


def ask(site: Site, email: str = "ayesha@example.com", **request):
    return bare(site).post(RESET, json={"email": email}, **request)


def mailed(site: Site, mailbox, email: str = "ayesha@example.com") -> str:
    """Request a password reset, and return the path of the link in its email."""
    assert ask(site, email).status_code == 202
    site.services[MailOutbox].send_all()
    return path_in(mailbox.wait_for(email.strip().lower(), RESET_SUBJECT))


def use(site: Site, path: str, status: int = 303, password: str = NEW, **headers: str) -> Reader:
    reader = Reader(site)
    reader.headers |= headers
    reader.page = reader.send(path, status, new_password=password)
    return reader


def test_a_reset_link_sets_a_new_password_and_revokes_all_sessions(site, mailbox):
    person = sign_up(site)
    path = mailed(site, mailbox)
    site.time.pass_(minutes=29)
    reader = use(site, path)
    assert_error(person.get("/api/auth/me"), 401, "invalid_token")
    assert try_login(site).status_code == 401
    assert log_in(site, password=NEW).id == person.id
    lines = "SELECT actor_id, action, target FROM audit_log WHERE action = 'user.password_reset'"
    assert site.rows(lines) == [(person.id, "user.password_reset", "ayesha@example.com")]
    assert site.rows("SELECT verified_ms FROM users") == [(site.time.ms,)], "it proves the email"
    mailbox.mails.clear()
    reader.log_in("ayesha", password=NEW)
    site.services[MailOutbox].send_all()
    assert len(mailbox.mails) == 1, "about the login above: the browser of the link is familiar"


ENDED = {"sessions", "totp_secrets", "recovery_codes", "pending_steps", "shares", "invitations"}
ENDED |= {"panel_invitations", "api_keys"}
STAYS = {
    *("users", "memberships", "communities"),  # their owner can see and delete them
    *("visits", "visitors", "people", "conversions", "audit_log"),  # past events
    *("email_links", "outbox", "spent_codes"),  # only reach the owner's mailbox, or grant nothing
}


def test_a_reset_gives_an_account_with_an_unconfirmed_email_to_the_emails_owner(site, mailbox):
    """No other login remains afterwards. Add each new table to ENDED or STAYS."""
    assert tables_of_users() == ENDED | STAYS
    history = AccountHistory(site)
    site.rows("UPDATE users SET verified_ms = NULL WHERE email = 'ayesha@example.com'")
    site.rows("UPDATE outbox SET done_ms = 1")
    kept = ("memberships", "communities")
    before = [site.rows(f"SELECT count(*) FROM {table}") for table in kept]
    assert tables_with(site, history.ayesha.id) >= ENDED
    use(site, mailed(site, mailbox))
    assert tables_with(site, history.ayesha.id) & ENDED == {"sessions"}
    live = "SELECT count(*) FROM sessions WHERE revoked_ms IS NULL AND user_id = :id"
    assert site.rows(live, id=history.ayesha.id) == [(0,)]
    user = site.rows("SELECT verified_ms, weekly_report FROM users WHERE id = :id", id=history.ayesha.id)
    assert [(user[0][0], bool(user[0][1]))] == [(site.time.ms, False)]
    assert [site.rows(f"SELECT count(*) FROM {table}") for table in kept] == before
    assert site.rows("SELECT email FROM invitations") == [("ayesha@example.com",)], "another person's invitation stays"
    assert log_in(site, password=NEW).id == history.ayesha.id, "without a second step"
    details = site.rows("SELECT details FROM audit_log WHERE action = 'user.password_reset'")
    assert details == [('{"taken_over": true}',)]


def test_a_reset_link_works_once_and_invalidates_the_other_links(site, mailbox):
    sign_up(site)
    first, second = mailed(site, mailbox), mailed(site, mailbox)
    assert first != second
    use(site, first)
    for path in (first, second):
        Reader(site).get(path, 404)
        use(site, path, 404, "yet another one")
    assert log_in(site, password=NEW)


def test_a_reset_link_sent_to_two_servers_at_once_works_on_only_one(site, database, mailbox):
    sign_up(site)
    path = mailed(site, mailbox)
    with Site(database.url, **mailbox.settings()) as other:

        def try_with(password: str) -> int:
            served_by = (site, other)[password.endswith("1")]
            return served_by.app.test_client().post(path, data={"new_password": password}).status_code

        passwords = [f"{NEW} {number}" for number in range(2)]
        with ThreadPoolExecutor(2) as threads, hold_for_two(database, "DELETE FROM email_links"):
            statuses = list(threads.map(try_with, passwords))
        assert sorted(statuses) == [303, 404]
        assert try_login(site, password=passwords[statuses.index(303)]).status_code == 200


def test_a_reset_link_works_for_30_minutes_after_its_email_was_sent(site, mailbox):
    sign_up(site)
    mailbox.refusal = "451 later"
    ask(site)
    site.services[MailOutbox].send_all()
    mailbox.refusal = ""
    site.time.pass_(hours=3)
    site.services[MailOutbox].send_all()
    path = path_in(mailbox.wait_for("ayesha@example.com", RESET_SUBJECT))
    site.time.pass_(minutes=30)
    use(site, path, 404)
    assert log_in(site)


def test_a_reset_link_is_invalid_after_the_email_changes_or_the_account_is_disabled(site, mailbox):
    sign_up(site)
    path = mailed(site, mailbox, " AYESHA@example.com")
    site.rows("UPDATE users SET email = 'a@example.com', email_key = 'a@example.com'")
    use(site, path, 404)
    site.rows("UPDATE users SET email = 'ayesha@example.com', email_key = 'ayesha@example.com'")
    disable(site, "ayesha@example.com")
    use(site, path, 404)


def test_the_page_of_a_reset_link_does_not_reveal_or_use_up_the_link(site, mailbox):
    sign_up(site)
    path, reader = mailed(site, mailbox), Reader(site)
    for _ in range(2):
        page = reader.get(path)
    assert 'autocomplete="new-password"' in page
    headers = reader.headers_of_answer
    assert (headers["Referrer-Policy"], headers["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "no-store" in headers["Cache-Control"]
    use(site, path, 422, "short")
    assert log_in(site)


def test_the_form_of_a_reset_link_is_accepted_only_from_our_own_page(site, mailbox):
    """Browsers send `Origin: null` from a page without a referrer."""
    sign_up(site)
    path = mailed(site, mailbox)
    for origin, fetched_from in (("null", "cross-site"), ("null", "same-site"), ("https://evil.example", "cross-site")):
        use(site, path, 403, **{"Origin": origin, "Sec-Fetch-Site": fetched_from})
    use(site, path, 403, Origin="https://evil.example")
    assert try_login(site).status_code == 200
    for headers in ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        use(site, path, **headers)
        assert try_login(site).status_code == 401
        path = mailed(site, mailbox)
    use(site, path, Origin="null")


def test_a_password_reset_clears_failed_logins(database, mailbox):
    with Site(database.url, **mailbox.settings()) as site:
        sign_up(site)
        peer = {"REMOTE_ADDR": "203.0.113.9"}
        statuses = [try_login(site, password="wrong", environ=peer).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        use(site, mailed(site, mailbox))
        assert try_login(site, environ=peer, password=NEW).status_code == 200


def test_the_host_of_the_request_appears_in_no_email(site, mailbox):
    sign_up(site)
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
    assert ask(site, headers=hostile).status_code == 202
    site.services[MailOutbox].send_all()
    mail = mailbox.wait_for("ayesha@example.com", RESET_SUBJECT)
    assert link_in(mail).startswith("https://live.example.com/reset-password/")
    assert "evil" not in mail.as_string()


def test_a_password_reset_call_returns_the_same_response_for_an_unknown_email(site, mailbox):
    sign_up(site)
    site.services[MailOutbox].send_all()
    mailbox.mails.clear()
    known, unknown = ask(site), ask(site, "nobody@example.com")
    for answer in (known, unknown):
        assert_described(site, answer)
        assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (202, b"", "no-store")
    assert {name for name, _ in known.headers} == {name for name, _ in unknown.headers}
    site.services[MailOutbox].send_all()
    assert [mail["To"] for mail in mailbox.mails] == ["ayesha@example.com"]
    pages = [Reader(site).send("/forgot-password", email=f"{name}@example.com") for name in ("ayesha", "nobody")]
    assert pages[0] == pages[1]


def test_a_password_reset_call_runs_the_same_statements_for_an_unknown_email(site):
    """Both take equally long: the recipient is looked up only when the email is sent."""
    sign_up(site)
    asked = []
    for email in ("ayesha@example.com", "nobody@example.com"):
        with recorded() as statements:
            assert ask(site, email).status_code == 202
        assert not any("users" in statement for statement, _ in statements)
        asked.append([statement for statement, _ in statements])
    assert asked[0] == asked[1] != []


def test_password_reset_calls_are_limited_by_address(database, mailbox):
    with Site(database.url, RATE_LIMIT_LOGINS="20", **mailbox.settings()) as site:
        peer = {"REMOTE_ADDR": "203.0.113.9"}
        statuses = [ask(site, f"{n}@example.com", environ_overrides=peer).status_code for n in range(11)]
        assert statuses == [202] * 10 + [429]
