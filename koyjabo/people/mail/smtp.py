"""Delivers emails by SMTP on a real thread, one at a time, so that a slow mail server never blocks the event loop."""

import importlib
import re
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.sanitize import whole
from koyjabo.base.database.batch_worker import BatchWorker, Job
from koyjabo.base.settings.smtp_url import SmtpServer

SMTP_TIMEOUT_S = 15.0
"""Time limit for each step, s: connecting, or a command and its reply."""

DELIVERY_PATIENCE_S, DELIVERY_LIMIT_S = 30.0, 180.0

MAX_REPLY_LENGTH = 300

UNPATCHED_MODULES = ("smtplib", "socket", "ssl")


SENDER_REFUSED = re.compile(
    r"send\s?as\b|SendAsDenied|5\.7\.60|(sender|from)( envelope)?( address| identity)?( is)?:?.{0,20}"
    r"\b(rejected|denied|refused|not (owned|allowed|permitted|authori[sz]ed|verified|match))|address is not verified",
    re.IGNORECASE,
)
"""How Exchange, Outlook, Postfix, Yandex, Amazon SES and others refuse the address of the sender."""

CERTIFICATE_KINDS = {18: "authority", 19: "authority", 20: "authority", 21: "authority", 62: "host", 64: "host"}
"""Kinds of errors by OpenSSL's code: an unknown authority, or the certificate of another host."""

ERROR_KINDS = {
    "name": r"gaierror",
    "refused": r"ConnectionRefusedError",
    "silent": r"TimeoutError|SMTPServerDisconnected.*timed out",
    "closed": r"SMTPServerDisconnected|Connection(Reset|Aborted)|BrokenPipe|SSLEOFError|SSLZeroReturn",
    "no_starttls": r".*STARTTLS extension",
    "no_login": r".*AUTH extension",
    "no_password": r".*No suitable authentication",
    "no_utf8": r".*SMTPUTF8",
    "no_tls": r"SSLError.*(wrong.version.number|record.layer.failure|packet.length|http.request)",
    "tls": r"SSL",
}
"""Patterns of an error's class and text, by kind. The first one that matches counts."""


class NotDelivered(Exception):
    """The email was not delivered. The message is the SMTP status or the kind of error, without the server's reply,
    which may contain an address. `reply` is the server's reply, which only the recipient may see, or the words of the
    system.
    """

    def __init__(self, reason: str, reply: str = "") -> None:
        super().__init__(reason)
        self.reply = reply

    def without_address(self, email: str) -> str:
        """The reason and the reply, without email addresses and without the name in `email`."""
        name = re.escape(email.partition("@")[0])
        reply = re.sub(rf"[^\s<]*@[^\s>,;]*|\b{name}\b", "…", self.reply, flags=re.IGNORECASE)
        return f"{self} {reply}".strip()


class _InUtf8(str):
    """A text that is sent in UTF-8, although smtplib asks for ASCII."""

    def encode(self, *_: str) -> bytes:
        return super().encode()


class _LoginInUtf8:
    """Completes smtplib's connections, which send users and passwords only in ASCII (RFC 4616 says UTF-8)."""

    def login(self, user: str, password: str) -> Any:
        try:
            return super().login(user, _InUtf8(password))  # type: ignore[misc]  # CRAM-MD5 encodes the password
        except Exception as error:
            if not hasattr(error, "smtp_error"):
                error.smtp_error = self.esmtp_features.get("auth", "")  # type: ignore[attr-defined]  # what it offers
            raise

    def auth(self, mechanism: str, respond: Callable[..., str | None], **options: Any) -> Any:
        def respond_in_utf8(*challenge: bytes) -> str | None:
            response = respond(*challenge)
            return None if response is None else _InUtf8(response)

        return super().auth(mechanism, respond_in_utf8, **options)  # type: ignore[misc]


class SmtpTransport:
    """Connects to a mail server for each email. `hello` is the name that this server introduces itself with."""

    def __init__(self, runtime: Runtime) -> None:
        self._smtplib = _unpatched_smtplib()
        self._kinds = {
            security: type(kind.__name__, (_LoginInUtf8, kind), {})
            for security, kind in (("tls", self._smtplib.SMTP_SSL), ("", self._smtplib.SMTP))
        }
        self._thread: BatchWorker[Callable[[], None], bool] = BatchWorker(
            runtime, _work, DELIVERY_PATIENCE_S, DELIVERY_LIMIT_S, most=1
        )

    def send(self, server: SmtpServer, hello: str, recipient: str, message: bytes, is_utf8: bool) -> None:
        """Hand a message to the mail server. Raises NotDelivered; the server may still have accepted it."""
        options = ["SMTPUTF8"] if is_utf8 else []
        try:
            self._thread.do(lambda: self._deliver(server, hello, recipient, message, options))
        except LedgerUnavailable:
            raise NotDelivered("silent") from None

    def close(self) -> None:
        """Close without waiting for a delivery in progress, which is repeated after the next start."""
        if not self._thread.waiting()[0]:
            self._thread.close()

    # The methods below run on the real thread.

    def _deliver(self, server: SmtpServer, hello: str, recipient: str, message: bytes, options: list[str]) -> None:
        connection = self._connect(server, hello)
        try:
            if server.user:
                connection.login(server.user, server.password)
            connection.sendmail(server.sender, [recipient], message, options)
            with suppress(Exception):  # the server already has the email
                connection.quit()
        finally:
            connection.close()

    def _connect(self, server: SmtpServer, hello: str) -> Any:
        host, port, security = server.host, server.port, server.security
        options: dict[str, Any] = {"local_hostname": hello, "timeout": SMTP_TIMEOUT_S}
        if security == "tls":
            return self._kinds["tls"](host, port, context=self._context(), **options)
        connection: Any = self._kinds[""](host, port, **options)
        if security == "starttls":
            try:
                connection.starttls(context=self._context())
            except Exception:
                connection.close()
                raise
        return connection

    def _context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = self._smtplib.ssl.create_default_context()
        return context


@cache
def _unpatched_smtplib() -> Any:
    """A copy of `smtplib` with its own `socket` and `ssl`. In a worker, the modules in `sys.modules` are patched for
    the event loop. On another thread they would start a second event loop, and look up names on the wrong one.
    """
    shared = {name: sys.modules.pop(name, None) for name in UNPATCHED_MODULES}
    try:
        return importlib.import_module("smtplib")
    finally:
        for name, module in shared.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def _work(take: Callable[[], list[Job[Callable[[], None], bool]]]) -> None:
    for job in take():
        try:
            job.item()
            job.result = True
        except Exception as error:
            job.error = NotDelivered(reason(error), _reply(error))


def reason(error: Any) -> str:
    """The status code of a refusal, such as `550`, or the kind of error."""
    status, _ = _response(error)
    if status is not None and status > 0:
        return "sender" if SENDER_REFUSED.search(_reply(error)) else str(status)
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE_KINDS.get(error.verify_code, "certificate")
    text = f"{type(error).__name__}: {error}"
    kinds = (kind for kind, words in ERROR_KINDS.items() if re.match(words, text, re.IGNORECASE))
    return next(kinds, "other")


def _reply(error: Any) -> str:
    """The server's reply, or the words of the system, on one line."""
    _, words = _response(error)
    words = words or getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words or "")
    return " ".join(whole(text).split())[:MAX_REPLY_LENGTH]


def _response(error: Any) -> tuple[int | None, bytes | str | None]:
    refused = getattr(error, "recipients", None)
    if refused:
        status, words = next(iter(refused.values()))
        return status, words
    return getattr(error, "smtp_code", None), getattr(error, "smtp_error", None)
