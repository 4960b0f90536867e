"""A server in its own processes and real mail servers: with TLS, with passwords, slow, and down."""

import re
import socketserver
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from support.application.site import Site
from support.clients.members import Member
from support.people.accounts import sign_up
from support.programs.certificates import new_certificate
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until
from support.servers.mailbox import Mailbox

from koyjabo.people.mail import smtp
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail_server.admin import MAIL_REASONS

USER, PASSWORD = "live@example.com", "p@ss:w/rd?"
LOGIN = "live%40example.com:p%40ss%3Aw%2Frd%3F@"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return new_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def with_tls(certificate, monkeypatch):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    mailbox = Mailbox(USER, PASSWORD, context, require_starttls=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield mailbox
    mailbox.stop()


def failure_of(site: Site) -> str | None:
    """The reason a signup's email could not be sent, or None."""
    sign_up(site)
    site.services[MailOutbox].send_all()
    return site.rows("SELECT failure FROM outbox")[0][0]


def test_an_email_is_sent_with_tls_and_the_password(sqlite_database, with_tls):
    with Site(sqlite_database.url, **with_tls.settings(SMTP_URL=with_tls.url("", LOGIN, "localhost"))) as site:
        assert failure_of(site) is None
    assert with_tls.recipients == ["ayesha@example.com"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("without", ["LOGIN", "PLAIN"])
def test_the_user_and_the_password_of_a_mail_server_are_sent_in_utf8(sqlite_database, without):
    user, password = "আয়েশা@example.com", "pässwörd ☃"
    mailbox = Mailbox(user, password, auth_exclude_mechanism=[without]).start()
    url = mailbox.url(login=f"{quote(user, safe='')}:{quote(password)}@")
    with Site(sqlite_database.url, **mailbox.settings(SMTP_URL=url)) as site:
        assert failure_of(site) is None
    mailbox.stop()
    assert mailbox.recipients == ["ayesha@example.com"]


@pytest.mark.parametrize(
    ("login", "host", "options", "reason"),
    [
        ("live%40example.com:wrong@", "localhost", "", "535 5.7.8 Authentication credentials invalid"),
        (LOGIN, "127.0.0.1", "", "host IP address mismatch, certificate is not valid for '127.0.0.1'."),
        (LOGIN, "localhost", "&tls=off", "no_login"),
    ],
    ids=["wrong password", "name that the certificate has not", "without TLS"],
)
def test_an_untrusted_or_refusing_mail_server_gets_no_email(
    sqlite_database, with_tls, login, host, options, reason, caplog
):
    with Site(sqlite_database.url, **with_tls.settings(SMTP_URL=with_tls.url(options, login, host))) as site:
        assert failure_of(site) == reason
    assert with_tls.mails == []
    assert "p@ss" not in caplog.text


def test_an_email_stays_unsent_if_the_mail_server_is_down_or_lacks_starttls(sqlite_database, caplog):
    mailbox = Mailbox().start()
    settings = {"localhost": mailbox.port, "127.0.0.1": free_port(), "nowhere.invalid": mailbox.port}
    reasons = ("no_starttls", "refused", "name")
    for (host, port), reason in zip(settings.items(), reasons, strict=True):
        url = f"smtp://{host}:{port}?from=live@example.com"
        with Site(sqlite_database.url, SMTP_URL=url, PUBLIC_URL="https://live.example.com") as site:
            site.rows("DELETE FROM outbox")
            site.rows("DELETE FROM users")
            assert failure_of(site).partition(" ")[0] == reason
        assert f"mail_delayed kind=verify reason={reason}" in caplog.text
    mailbox.stop()
    assert mailbox.attempts == 0


HELLO = {"": b"220 mail.example.com", "EHLO": b"250-mail.example.com\r\n250 AUTH XOAUTH2"}
SEND_AS = b"554 5.2.252 SendAsDenied; ayesha@example.com not allowed to send as live@example.com"
LOGIN_HELLO = HELLO | {"EHLO": b"250-mail.example.com\r\n250 AUTH PLAIN", "AUTH": b"235 2.7.0 Accepted"}
DIALOGUES = [  # what a server replies to each command, the scheme, and the stored failure
    (HELLO, "smtp", "no_password XOAUTH2"),
    ({}, "smtp", "silent"),
    (HELLO, "smtps", "no_tls"),
    (
        LOGIN_HELLO | {"MAIL": b"553 5.7.1 Sender address rejected: not owned by auth user."},
        "smtp",
        "sender 5.7.1 Sender",
    ),
    (LOGIN_HELLO | {"MAIL": b"530 5.7.57 Client not authenticated"}, "smtp", "530 5.7.57 Client not authenticated"),
    (
        LOGIN_HELLO | {"MAIL": b"250 OK", "RCPT": b"250 OK", "DATA": b"354 Go on", ".": SEND_AS},
        *("smtp", "sender 5.2.252 SendAsDenied; … not allowed to send as …"),
    ),
    (
        LOGIN_HELLO | {"MAIL": b"250 OK", "RCPT": b"550 5.1.1 <ayesha@example.com>: ayesha is unknown"},
        *("smtp", "550 5.1.1 <…>: … is unknown"),
    ),
]
"""Replies that people saw from Outlook, Exchange, Yandex and Postfix."""


class Dialogue(socketserver.StreamRequestHandler):
    """A mail server that replies with fixed lines."""

    def handle(self) -> None:
        replies = self.server.replies
        if not replies:
            self.rfile.readline()  # until the client gives up
            return
        self._send(replies[""])
        for line in self.rfile:
            word = line.decode(errors="replace").strip().partition(" ")[0].upper()
            if word in replies and word:  # not a line of the message
                self._send(replies[word])

    def _send(self, reply: bytes) -> None:
        with suppress(OSError):
            self.wfile.write(reply + b"\r\n")


@pytest.mark.parametrize(("replies", "scheme", "failure"), DIALOGUES, ids=[failure for *_, failure in DIALOGUES])
def test_the_reason_of_an_unsent_email_has_the_words_of_the_mail_server(
    sqlite_database, monkeypatch, replies, scheme, failure
):
    monkeypatch.setattr(smtp, "SMTP_TIMEOUT_S", 0.5)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dialogue) as server:
        server.replies, server.daemon_threads = replies, True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        off = "&tls=off" if scheme == "smtp" else ""
        url = f"{scheme}://a:b@127.0.0.1:{server.server_address[1]}?from=live@example.com{off}"
        with Site(sqlite_database.url, SMTP_URL=url, PUBLIC_URL="https://live.example.com") as site:
            assert failure_of(site).startswith(failure)
        server.shutdown()


def test_every_error_of_a_mail_server_has_a_sentence_without_names_of_classes():
    codes = {*smtp.ERROR_KINDS, *smtp.CERTIFICATE_KINDS.values(), "certificate", "sender", "off", "composed"}
    assert codes <= MAIL_REASONS.keys()
    unknown = smtp.reason(RuntimeError("?"))
    assert (unknown, unknown in MAIL_REASONS) == ("other", False)


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("https://live.example.com", "live.example.com"),
        ("http://192.0.2.1:8000", "[192.0.2.1]"),
        ("https://[2001:db8::1]:8443", "[IPv6:2001:db8::1]"),
    ],
)
def test_the_server_greets_with_its_host_or_an_address_literal_and_an_ascii_sender(sqlite_database, public_url, host):
    mailbox = Mailbox().start()
    url = f"smtp://127.0.0.1:{mailbox.port}?tls=off&from=Bücher%20<live@bücher.example>"
    with Site(sqlite_database.url, **mailbox.settings(SMTP_URL=url, PUBLIC_URL=public_url)) as site:
        assert failure_of(site) is None
    mailbox.stop()
    assert mailbox.senders == [(host, "live@xn--bcher-kva.example")]
    (mail,) = mailbox.mails
    assert mail["From"] == "Bücher <live@xn--bcher-kva.example>"
    assert mail["Message-ID"].endswith(f"@{host}>")


@pytest.fixture
def slow():
    """A mail server that makes senders wait until `go` is set."""
    mailbox = Mailbox().start()
    mailbox.go = threading.Event()
    yield mailbox
    mailbox.go.set()
    mailbox.stop()


def test_a_slow_mail_server_delays_no_request_and_waiting_emails_survive_kill_9(new_server, sqlite_database, slow):
    by_name = slow.url(host="localhost")  # on a real thread, the loop's resolver and sockets would fail
    server = new_server(sqlite_database, **slow.settings(SMTP_URL=by_name, LOG_LEVEL="DEBUG")).start()
    ayesha, karim = Member(server, "ayesha"), Member(server, "karim")
    wait_until(lambda: slow.attempts, "a mail is on its way")
    for _ in range(3):  # the worker waits for the mail server for 15 s
        assert requests.get(f"http://127.0.0.1:{server.port}/api/stats", timeout=PATIENCE_S, proxies={}).ok
    assert (slow.attempts, slow.mails) == (1, []), "it still waits"
    server.kill()
    slow.go.set()
    log, sqlite = server.log, server.database
    with Site(sqlite.url) as site:  # a minute passes, and the killed worker's lease expires
        site.rows("UPDATE outbox SET due_ms = 0 WHERE done_ms IS NULL")
        site.rows("UPDATE nightly_work SET seen_ms = 0 WHERE name = 'mail'")
    server.start()
    for person in (ayesha, karim):
        slow.wait_for(person.email, "Confirm your email")
    log += server.log
    assert "mail_sent kind=verify" in log
    assert not re.search(r"ayesha|karim|verify-email/\w", log)
