"""Composes the emails in the outbox, and sends them on one worker at a time across all servers. Each email is sent at
least once, and failures are retried for a day with increasing pauses.
"""

import hmac
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.domains import ascii_address
from koyjabo.base.core.errors import LedgerUnavailable, MailUnavailable
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs.claims import LeasedTask
from koyjabo.base.network import client_address
from koyjabo.base.network.client_address import levels
from koyjabo.base.settings import smtp_url
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.smtp_url import SmtpServer
from . import outbox_queries
from .contents import KINDS, Localizer
from .outbox_queries import LEASE, OF_EARLIER, ORDER, Charge, Prepare, QueuedEmail, Status
from .smtp import NotDelivered, SmtpTransport

log = logging.getLogger(__name__)

POLICY = SMTP.clone(cte_type="7bit")
"""Some mail servers do not accept 8-bit bodies (RFC 6152)."""


EARLIER = "earlier"
"""Key in an email's data for the mail server that sends it, as a sealed SMTP_URL, and the PUBLIC_URL of its link."""

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"


class Composer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = LinkTokens(settings.secret_key)
        self._html = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("mail.html")

    def compose(self, queued_email: QueuedEmail, server: SmtpServer) -> tuple[str, bytes, bool]:
        """The recipient, the message, and whether the recipient's address needs SMTPUTF8 (RFC 6531)."""
        speech, public_url = Localizer(queued_email.language, self._settings.zone), self._settings.public_url
        _, public_url = queued_email.data.get(EARLIER, ("", public_url))
        contents = KINDS[queued_email.kind](speech, queued_email.data)
        token = self._tokens.token(contents.purpose, queued_email.data["link"]) if contents.purpose else ""
        url = f"{public_url}{contents.path}{token}" if contents.path else ""
        recipient = ascii_address(queued_email.email)
        message = EmailMessage(policy=POLICY.clone(utf8=not recipient.isascii()))
        message["From"], message["To"] = formataddr((server.sender_name, server.sender)), recipient
        message["Subject"] = " ".join(contents.subject.split())
        message["Date"] = format_datetime(datetime.fromtimestamp(queued_email.at_ms / 1000, UTC))
        # Derived from the outbox row, so that mailboxes can drop a second copy.
        message["Message-ID"] = f"<{queued_email.id}.{queued_email.at_ms}@{mail_host(public_url)}>"
        message["Auto-Submitted"] = "auto-generated"
        signature = f"{self._settings.name_in(speech.language)} · {public_url}"
        link = [f"{contents.label}:\n{url}"] if url else []
        closing = [contents.closing] if contents.closing else []
        paragraphs = [*map(str, contents.paragraphs), *link, *closing, signature]
        message.set_content("\n\n".join(paragraphs) + "\n")
        values = {"contents": contents, "url": url, "language": speech.language, "signature": signature}
        message.add_alternative(self._html.render(values), subtype="html")
        message["Content-Language"] = speech.language
        return recipient, message.as_bytes(), not recipient.isascii()


def mail_host(public_url: str) -> str:
    """The host of PUBLIC_URL as mails name it: an IP address is a literal in brackets (RFC 5321, 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        return f"[IPv6:{host}]" if ip_address(host).version == 6 else f"[{host}]"
    except ValueError:
        return host


MAX_PER_ACCOUNT = 50

ADDRESS_SHARE, NETWORK_SHARE = 10, 2
"""An address may use a tenth of the server's daily emails. Larger networks may use 4 or 16 times that, but no more than
half.
"""


DELIVERABLE = re.compile(r"[^\s()<>\[\]:;@\\,\"]+@[^\s()<>\[\]:;@\\,\"]+")
"""Matches accepted addresses. Other characters have a special meaning in headers: an email to `x<y@example.com` would
reach `y@example.com`.
"""

PLACEHOLDER = "admin@koyjabo.example"
"""The made-up address of the first admin in development. No email is sent to it."""

USED_UP_LEVELS = {"server": logging.ERROR, "network": logging.WARNING, "account": logging.WARNING}
"""Log levels for used-up budgets. Only the server's budget affects everyone, so metrics count it as an error."""

POLL_S = 2.0
"""Interval between calls to `tick`, s."""

TEST_LIMIT_S = 40.0
"""Time limit for a test email, s. A person is waiting for the result."""


class MailOutbox:
    """The outbox. Call `tick` every POLL_S. Without SMTP_URL, nothing is stored or sent, and `email` returns None.

    Limits how many emails a day go to strangers, that is, to unconfirmed addresses, for instance in invitations and
    signups. A flood of such emails would ruin the reputation of the sender's domain, and important emails would no
    longer arrive. With RATE_LIMIT_MAILS=0, only accounts are limited.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._settings = settings
        self._key = hmac.digest(settings.secret_key.encode(), b"recipients of mails", "sha256")
        self._sealer = Sealer(settings.secret_key, b"earlier mail servers")
        self._most = settings.rate_limit_mails
        self._prepare: dict[str, Prepare] = {}
        self._task = LeasedTask(database, clock, runtime, LEASE, "mail_interrupted", "mail_work_failed")

    @property
    def is_on(self) -> bool:
        return bool(self._settings.smtp_url)

    @cached_property
    def _composer(self) -> Composer:
        return Composer(self._settings)

    @cached_property
    def _transport(self) -> SmtpTransport:
        return SmtpTransport(self._runtime)

    def require(self) -> None:
        """Raise MailUnavailable if this server sends no emails."""
        if not self.is_on:
            raise MailUnavailable

    def prepare(self, functions: Mapping[str, Prepare]) -> None:
        """Register functions that complete emails of these kinds just before they are sent."""
        self._prepare.update(functions)

    def email(
        self,
        kind: str,
        email: str,
        language: str | None,
        once: str | None = None,
        owner: str | None = None,
        sender: str | None = None,
        **data: Any,
    ) -> QueuedEmail | None:
        """Make an email to `store` in the transaction that causes it. Returns None if this server sends no emails, or
        does not accept this address. `language` is the recipient's, if known. If several emails have the same
        `once`, only the first is stored.

        An email uses today's budgets for strangers if it has a `sender`, or an `owner` whose email may be unconfirmed.
        Both are user ids. The budgets belong to that account, the networks of the request's address, and the server.
        """
        if not self.is_on:
            return None
        charges: tuple[Charge, ...] = ()
        if account_id := owner or sender:
            charges = self._charge("account", account_id, MAX_PER_ACCOUNT), *self._shared()
        return self._email(kind, email, language, data, once, owner, charges)

    def email_of(
        self, earlier: Settings, kind: str, email: str, language: str | None, **data: Any
    ) -> QueuedEmail | None:
        """Make an email that is sent by the mail server of `earlier` settings, with their address in its link, also if
        others apply by then. Returns None as `email` does.
        """
        if not earlier.smtp_url:
            return None
        sealed = self._sealer.seal(earlier.smtp_url, email)
        return self._email(kind, email, language, {**data, EARLIER: [sealed, earlier.public_url]})

    def _email(
        self,
        kind: str,
        email: str,
        language: str | None,
        data: dict[str, Any],
        once: str | None = None,
        owner: str | None = None,
        charges: tuple[Charge, ...] = (),
    ) -> QueuedEmail | None:
        if email_key(email) == PLACEHOLDER or not DELIVERABLE.fullmatch(email.strip()):
            return None
        return QueuedEmail(
            kind=kind,
            email=email,
            recipient=self._hash(email_key(email)),
            language=language,
            data=data,
            at_ms=self._clock.now_ms(),
            once=self._hash(once) if once else None,
            owner=owner,
            charges=charges,
        )

    def email_to_unknown(self, kind: str, email: str, language: str | None) -> QueuedEmail | None:
        """Make an email to the user with this address, if there is one, which is checked only just before the email is
        sent. The email then uses its kind's budgets, which are separate from the budgets of other kinds.
        """
        queued_email = self.email(kind, email, language)
        return queued_email and queued_email._replace(charges=self._shared(kind), is_charged_late=True)

    def send_test(self, email: str, language: str | None) -> None:
        """Send a test email now, bypassing the outbox, and wait for the mail server's response. Raises MailUnavailable,
        or NotDelivered with the server's message.
        """
        self.require()
        queued_email, waiter = self.email("test", email, language), self._runtime.waiter()
        if queued_email is None:
            raise NotDelivered("address")
        outcome: list[NotDelivered | None] = []

        def deliver() -> None:
            try:
                self._deliver(queued_email)
                outcome.append(None)
            except NotDelivered as error:
                outcome.append(error)
            finally:
                self._runtime.soon(waiter.wake)

        self._runtime.start_task(deliver)
        self._runtime.later(TEST_LIMIT_S, waiter.wake)
        waiter.wait()
        error = outcome[0] if outcome else NotDelivered("timeout")
        log.info("mail_tested reason=%s", error)
        with suppress(LedgerUnavailable):
            if error is None:
                self._database.write(outbox_queries.sent, queued_email.id, self._clock.now_ms())
            else:
                self._database.write(outbox_queries.test_failed, queued_email, str(error), self._clock.now_ms())
        if error is not None:
            raise error

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()

    def status(self) -> Status | None:
        """The outbox's state; None if this server sends no emails. Raises LedgerUnavailable."""
        return self._database.read(outbox_queries.status, self._of_server()) if self.is_on else None

    def tick(self) -> None:
        """If an email is due, start sending in a task. Renews the lease while a task is running."""
        with suppress(LedgerUnavailable):  # the next tick tries again
            if self._task.is_running:
                self._task.take()
            elif self._database.read(outbox_queries.is_due, self._task.worker, self._clock.now_ms(), self._kinds()):
                self._task.start(self.send_all)

    def _kinds(self) -> tuple[str, ...]:
        """The kinds of emails to send now. Without a mail server, those that an earlier one sends."""
        return tuple(ORDER) if self.is_on else OF_EARLIER

    def send_all(self) -> None:
        """Send all due emails, one after the other, unless the mail server is removed. Raises LedgerUnavailable."""
        while (queued_email := self._take()) is not None:
            try:
                self._deliver(queued_email)
            except NotDelivered as error:
                self._fail(queued_email, str(error))
            except Exception as error:  # an email that cannot be composed must not block the others
                log.exception("mail_not_composed kind=%s", queued_email.kind)
                self._fail(queued_email, type(error).__name__)
            else:
                self._database.write(outbox_queries.sent, queued_email.id, self._clock.now_ms())
                log.info("mail_sent kind=%s", queued_email.kind)

    def close(self) -> None:
        """Let another worker send at once. Does not wait for a delivery."""
        if "_transport" in vars(self):  # an email was sent
            self._transport.close()
        self._task.release()

    def _take(self) -> QueuedEmail | None:
        holder, now_ms = self._task.holder(), self._clock.now_ms()
        queued_email, used_up = self._database.write(outbox_queries.take, holder, now_ms, self._prepare, self._kinds())
        for of, kind in used_up:
            log.log(USED_UP_LEVELS[of], "mail_budget_used_up of=%s kind=%s", of, kind)
        return queued_email

    def _deliver(self, queued_email: QueuedEmail) -> None:
        server, public_url = self._settings.smtp, self._settings.public_url
        if EARLIER in queued_email.data:
            sealed, public_url = queued_email.data[EARLIER]
            opened = self._sealer.open(sealed, queued_email.email)
            server = smtp_url.parse(opened) if opened else None
        if server is None:
            raise NotDelivered("off")
        self._transport.send(server, mail_host(public_url), *self._composer.compose(queued_email, server))

    def _fail(self, queued_email: QueuedEmail, reason: str) -> None:
        is_given_up = self._database.write(outbox_queries.failed, queued_email.id, reason, self._clock.now_ms())
        log.warning("mail_%s kind=%s reason=%s", "given_up" if is_given_up else "delayed", queued_email.kind, reason)

    def _shared(self, pool: str = "") -> tuple[Charge, ...]:
        """The budgets of the networks and the server. All pools have the same size."""
        server = self._of_server(pool)
        if server is None:
            return ()
        address, most = client_address.current.get(), -(-self._most // NETWORK_SHARE)
        of_address = -(-self._most // ADDRESS_SHARE)
        networks = levels(address) if address else ()
        charges = (
            self._charge("network", f"{pool} {network}", min(of_address * times, most)) for network, times in networks
        )
        return (*charges, server)

    def _of_server(self, pool: str = "") -> Charge | None:
        """The whole server's budget for today."""
        return self._charge("server", pool, self._most) if self._most else None

    def _charge(self, of: str, name: str, most: int) -> Charge:
        """A charge to a budget. Its key changes daily, and reveals nothing without the secret."""
        return Charge(of, self._hash(f"budget {self._clock.today()} {of} {name}")[:32], most)


def build(base: Base) -> MailOutbox:
    return MailOutbox(base.database, base.clock, base.runtime, base.settings)
