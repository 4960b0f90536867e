"""Composes messages with plain text and simple HTML, without images. All links begin with PUBLIC_URL."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader

from koyjabo.base.core.domains import ascii_address
from koyjabo.base.core.i18n import N_
from koyjabo.people.mail.contents import KINDS, Contents, Localizer
from koyjabo.people.mail.link_tokens import LinkTokens
from koyjabo.people.mail.outbox_queries import QueuedEmail

POLICY = SMTP.clone(cte_type="7bit")
"""Some mail servers do not accept 8-bit bodies (RFC 6152)."""

BRAND = N_("Koy Jabo")

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"


class Mail(NamedTuple):
    recipient: str
    message: bytes
    is_utf8: bool  # the recipient's address needs SMTPUTF8 (RFC 6531)


class Composer:
    def __init__(self, sender_name: str, sender: str, public_url: str, tokens: LinkTokens, zone: ZoneInfo) -> None:
        self._sender = formataddr((sender_name, sender))
        self._public_url = public_url
        self._tokens = tokens
        self._zone = zone
        self._html = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("mail.html")

    def compose(self, queued_email: QueuedEmail) -> Mail:
        speech = Localizer(queued_email.language, self._zone)
        contents = KINDS[queued_email.kind](speech, queued_email.data)
        token = self._tokens.token(contents.purpose, queued_email.data["link"]) if contents.purpose else ""
        url = f"{self._public_url}{contents.path}{token}" if contents.path else ""
        recipient = queued_email.email
        with suppress(ValueError):  # an earlier version accepted other domains
            recipient = ascii_address(recipient)
        message = EmailMessage(policy=POLICY.clone(utf8=not recipient.isascii()))
        for name, value in self._headers(queued_email, contents, recipient).items():
            message[name] = value
        signature = f"{speech.say(BRAND)} · {self._public_url}"
        message.set_content(self._text(contents, url, signature))
        values = {"contents": contents, "url": url, "language": speech.language, "signature": signature}
        message.add_alternative(self._html.render(values), subtype="html")
        message["Content-Language"] = speech.language
        return Mail(recipient, message.as_bytes(), not recipient.isascii())

    def _headers(self, queued_email: QueuedEmail, contents: Contents, recipient: str) -> dict[str, str]:
        """A message's headers. The Message-ID is derived from the outbox row, so that mailboxes can drop a
        second copy.
        """
        return {
            "From": self._sender,
            "To": recipient,
            "Subject": " ".join(contents.subject.split()),
            "Date": format_datetime(datetime.fromtimestamp(queued_email.at_ms / 1000, UTC)),
            "Message-ID": f"<{queued_email.id}.{queued_email.at_ms}@{mail_host(self._public_url)}>",
            "Auto-Submitted": "auto-generated",
        }

    def _text(self, contents: Contents, url: str, signature: str) -> str:
        link = [f"{contents.label}:\n{url}"] if url else []
        closing = [contents.closing] if contents.closing else []
        return "\n\n".join([*map(str, contents.paragraphs), *link, *closing, signature]) + "\n"


def mail_host(public_url: str) -> str:
    """The host of PUBLIC_URL as mails name it: an IP address is a literal in brackets (RFC 5321, 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        return f"[IPv6:{host}]" if ip_address(host).version == 6 else f"[{host}]"
    except ValueError:
        return host
