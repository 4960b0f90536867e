"""Composes emails: the subject, the text, the HTML, and the link with its token."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader

from koyjabo.base.core.domains import ascii_address
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.smtp_url import SmtpServer
from .contents import CONTENTS_BY_KIND
from .localizer import Localizer
from .outbox_queries import QueuedEmail

MAIL_POLICY = SMTP.clone(cte_type="7bit")
"""Some mail servers do not accept 8-bit bodies (RFC 6152)."""

EARLIER_SERVER = "earlier"
"""Key in an email's data for the mail server that sends it, as a sealed SMTP_URL, and the PUBLIC_URL of its link."""

MAIL_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"


class Composer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = LinkTokens(settings.secret_key)
        self._html = Environment(loader=FileSystemLoader(MAIL_TEMPLATES), autoescape=True).get_template("mail.html")

    def compose(self, queued_email: QueuedEmail, server: SmtpServer) -> tuple[str, bytes, bool]:
        """The recipient, the message, and whether the recipient's address needs SMTPUTF8 (RFC 6531)."""
        speech, public_url = Localizer(queued_email.language, self._settings.zone), self._settings.public_url
        _, public_url = queued_email.data.get(EARLIER_SERVER, ("", public_url))
        contents = CONTENTS_BY_KIND[queued_email.kind](speech, queued_email.data)
        token = self._tokens.token(contents.purpose, queued_email.data["link"]) if contents.purpose else ""
        url = f"{public_url}{contents.path}{token}" if contents.path else ""
        recipient = ascii_address(queued_email.email)
        message = EmailMessage(policy=MAIL_POLICY.clone(utf8=not recipient.isascii()))
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
        values |= {"name": self._settings.name_in(speech.language), "colour": self._settings.palette.accent.light}
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
