"""The outbox of emails. Sends them on one worker at a time across all servers. Each email is sent at
least once, and failures are retried for a day with increasing pauses.
"""

import hmac
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import LedgerUnavailable, MailUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs.claims import LeasedTask
from koyjabo.base.network import client_address
from koyjabo.base.network.client_address import levels
from koyjabo.base.settings import smtp_url
from koyjabo.base.settings.schema import Settings
from . import outbox_queries
from .budget_queries import Charge
from .composer import EARLIER_SERVER, Composer, mail_host
from .outbox_queries import KINDS_OF_EARLIER_SERVER, MAIL_LEASE, MAIL_ORDER, Prepare, QueuedEmail, Status
from .smtp import NotDelivered, SmtpTransport

log = logging.getLogger(__name__)


MAX_MAILS_OF_ACCOUNT = 50

ADDRESS_SHARE, NETWORK_SHARE = 10, 2
"""An address may use a tenth of the server's daily emails. Larger networks may use 4 or 16 times that, but no more than
half.
"""


DELIVERABLE_ADDRESS = re.compile(r"[^\s()<>\[\]:;@\\,\"]+@[^\s()<>\[\]:;@\\,\"]+")
"""Matches accepted addresses. Other characters have a special meaning in headers: an email to `x<y@example.com` would
reach `y@example.com`.
"""

PLACEHOLDER_EMAIL = "admin@koyjabo.example"
"""The made-up address of the first admin in development. No email is sent to it."""

USED_UP_LEVELS = {"server": logging.ERROR, "network": logging.WARNING, "account": logging.WARNING}
"""Log levels for used-up budgets. Only the server's budget affects everyone, so metrics count it as an error."""

OUTBOX_POLL_S, WAITING_POLL_S = 2.0, 10.0
"""Intervals between calls to `tick`, and to `refresh`, s."""

TEST_MAIL_LIMIT_S = 40.0
"""Time limit for a test email, s. A person is waiting for the result."""


class MailOutbox:
    """The outbox. Call `tick` every OUTBOX_POLL_S, and `refresh` every WAITING_POLL_S. Without SMTP_URL or
    `has_server`, nothing is stored or sent, and `email` returns None.

    Limits how many emails a day go to strangers, that is, to unconfirmed addresses, for instance in invitations and
    signups. A flood of such emails would ruin the reputation of the sender's domain, and important emails would no
    longer arrive. With RATE_LIMIT_MAILS=0, only accounts are limited.
    """

    has_server = False
    """Set by `people.mail_server`. No email is sent without it."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._settings = settings
        self._key = hmac.digest(settings.secret_key.encode(), b"recipients of mails", "sha256")
        self._sealer = Sealer(settings.secret_key, b"earlier mail servers")
        self._most = settings.rate_limit_mails
        self._prepare: dict[str, Prepare] = {}
        self.oldest_ms: int | None = None
        """When the oldest waiting email was stored, as of the last `refresh`."""
        self._task = LeasedTask(database, clock, runtime, MAIL_LEASE, "mail_interrupted", "mail_work_failed")

    @property
    def is_on(self) -> bool:
        return self.has_server and bool(self._settings.smtp_url)

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
            charges = self._charge("account", account_id, MAX_MAILS_OF_ACCOUNT), *self._shared()
        return self._email(kind, email, language, data, once, owner, charges)

    def email_of(
        self, earlier: Settings, kind: str, email: str, language: str | None, **data: Any
    ) -> QueuedEmail | None:
        """Make an email for the mail server of the `earlier` settings, although new settings apply. Its link has the
        public address of the `earlier` settings. Returns None as `email` does.
        """
        if not earlier.smtp_url:
            return None
        sealed = self._sealer.seal(earlier.smtp_url, email)
        return self._email(kind, email, language, {**data, EARLIER_SERVER: [sealed, earlier.public_url]})

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
        if email_key(email) == PLACEHOLDER_EMAIL or not DELIVERABLE_ADDRESS.fullmatch(email.strip()):
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
        self._runtime.later(TEST_MAIL_LIMIT_S, waiter.wake)
        waiter.wait()
        error = outcome[0] if outcome else NotDelivered("silent")
        log.info("mail_tested reason=%s", error)
        with suppress(LedgerUnavailable):
            if error is None:
                self._database.write(outbox_queries.sent, queued_email.id, self._clock.now_ms())
            else:
                self._database.write(
                    outbox_queries.test_failed, queued_email, error.without_address(email), self._clock.now_ms()
                )
        if error is not None:
            raise error

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()

    def status(self) -> Status | None:
        """The outbox's state; None if this server sends no emails. Raises LedgerUnavailable."""
        return self._database.read(outbox_queries.status, self._of_server()) if self.is_on else None

    def refresh(self) -> None:
        """Read how long emails have been waiting."""
        with suppress(LedgerUnavailable):  # the next call tries again
            self.oldest_ms = self._database.read(outbox_queries.oldest_waiting_ms) if self.is_on else None

    def tick(self) -> None:
        """If an email is due, start sending in a task. Renews the lease while a task is running."""
        with suppress(LedgerUnavailable):  # the next tick tries again
            if self._task.is_running:
                self._task.take()
            elif self._database.read(outbox_queries.is_due, self._task.worker, self._clock.now_ms(), self._kinds()):
                self._task.start(self.send_all)

    def _kinds(self) -> tuple[str, ...]:
        """The kinds of emails to send now. Without a mail server, only the kinds for an earlier mail server."""
        return tuple(MAIL_ORDER) if self.is_on else KINDS_OF_EARLIER_SERVER

    def send_all(self) -> None:
        """Send all due emails, one after the other, unless the mail server is removed. Raises LedgerUnavailable."""
        while (queued_email := self._take()) is not None:
            try:
                self._deliver(queued_email)
            except NotDelivered as error:
                self._fail(queued_email, error)
            except Exception:  # an email that cannot be composed must not block the others
                log.exception("mail_not_composed kind=%s", queued_email.kind)
                self._fail(queued_email, NotDelivered("composed"))
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
        if EARLIER_SERVER in queued_email.data:
            sealed, public_url = queued_email.data[EARLIER_SERVER]
            opened = self._sealer.open(sealed, queued_email.email)
            server = smtp_url.parse(opened) if opened else None
        if server is None:
            raise NotDelivered("off")
        self._transport.send(server, mail_host(public_url), *self._composer.compose(queued_email, server))

    def _fail(self, queued_email: QueuedEmail, error: NotDelivered) -> None:
        """Record a failed attempt. An email is given up a day after it was stored."""
        failure, now_ms = error.without_address(queued_email.email), self._clock.now_ms()
        is_given_up = self._clock.allows_removal and now_ms - queued_email.at_ms >= outbox_queries.DAY_MS
        done_ms = now_ms if is_given_up else None
        self._database.write(outbox_queries.failed, queued_email.id, failure, done_ms)
        log.warning("mail_%s kind=%s reason=%s", "given_up" if is_given_up else "delayed", queued_email.kind, error)

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
