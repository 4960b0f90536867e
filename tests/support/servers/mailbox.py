"""A real mail server on this machine, which records the emails it receives: `Mailbox().start()`."""

from __future__ import annotations

import re
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until

PUBLIC_URL = "https://live.example.com"
RESET_SUBJECT = "Choose a new password"
LINK = re.compile(r"https?://[^\s\"<>]+/(?:reset-password|verify-email|invitations)/[\w-]{43}")


class Mailbox:
    """A mail server that refuses every email while `refusal` is set, and first waits for the event `go`, if set."""

    def __init__(self, user: str = "", password: str = "", tls: ssl.SSLContext | None = None, **options: Any) -> None:
        """`options` are passed to aiosmtpd's server."""
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.senders: list[tuple[str, str]] = []  # the name in EHLO, and the address in MAIL FROM
        self.attempts = 0
        self.refusal = ""
        self.go: Event | None = None
        self.port = free_port()
        self._login = LoginPassword(user.encode(), password.encode()) if user else None
        options |= {"enable_SMTPUTF8": True, "tls_context": tls}
        if user:
            options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": tls is not None}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=PATIENCE_S, **options)

    def start(self) -> Mailbox:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def change_password(self, password: str) -> None:
        assert self._login is not None
        self._login = LoginPassword(self._login.login, password.encode())

    def url(self, options: str = "&tls=off", login: str = "", host: str = "127.0.0.1") -> str:
        return f"smtp://{login}{host}:{self.port}?from=Koy%20Jabo%20<live@example.com>{options}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings for a server that sends its email here."""
        return {"SMTP_URL": self.url(), "PUBLIC_URL": PUBLIC_URL, **more}

    def to(self, email: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == email]

    def wait_for(self, email: str, subject: str) -> EmailMessage:
        """Wait for an email to this address with a subject starting with `subject`, and return the most recent one."""

        def find() -> EmailMessage | None:
            return next((mail for mail in reversed(self.to(email)) if mail["Subject"].startswith(subject)), None)

        return wait_until(find, f"a mail to {email}: {subject}; there are {self.subjects()}")

    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd calls it)
        import asyncio

        self.attempts += 1
        while self.go and not self.go.is_set():
            await asyncio.sleep(0.02)
        if self.refusal:
            return self.refusal
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        self.senders.append((session.host_name, envelope.mail_from))
        return "250 taken"

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, sent: Any) -> AuthResult:
        return AuthResult(success=sent == self._login, handled=False)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content()


def html_of(mail: EmailMessage) -> str:
    return text_of(mail, "html")


def link_in(mail: EmailMessage) -> str:
    """The only link in an email. The HTML part must contain the same link."""
    (link,) = set(LINK.findall(text_of(mail)))
    assert set(LINK.findall(html_of(mail))) == {link}
    return link


def path_in(mail: EmailMessage) -> str:
    link = link_in(mail)
    assert link.startswith(f"{PUBLIC_URL}/")
    return link.removeprefix(PUBLIC_URL)
