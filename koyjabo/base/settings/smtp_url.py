"""SMTP_URL: `smtp://user:password@host:587?from=Name%20<a@b>`, or `smtps://` for TLS from the first byte."""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from koyjabo.base.core.domains import ascii_address, ascii_domain
from koyjabo.base.core.i18n import N_, Filled
from . import url_options

PORTS = {"smtp": 587, "smtps": 465}
EMAIL_ADDRESS = r"[^\s<>@]+@[^\s<>@]+"
SENDER = re.compile(rf'\s*+"?(?P<name>[^<>"\r\n]*+)"?\s*+<(?P<named>{EMAIL_ADDRESS})>\s*|(?P<bare>{EMAIL_ADDRESS})')
EXAMPLE = "smtp://user:password@host:587?from=Koy%20Jabo%20<live@example.com>"


SMTP_FIELDS = ("host", "port", "user", "sender_name", "sender", "security")


class SmtpServer(NamedTuple):
    host: str
    port: int
    user: str
    password: str
    sender_name: str
    sender: str
    security: str
    """`tls` (from the first byte), `starttls`, or `off`."""


def parse(url: str) -> SmtpServer:
    """Parse a URL. Raises a ValueError whose message completes a sentence for the operator and omits the password."""
    parts = _split(url)
    options = url_options.parse(parts.query)
    if parts.password and not parts.username:
        raise ValueError(N_("has a password without a user"))
    unknown = sorted(set(options) - {"from", "tls"})
    if unknown:
        raise ValueError(f"has the unknown option {unknown[0]!r}; the options are from and tls")
    if options.get("tls", "off") != "off" or (parts.scheme == "smtps" and "tls" in options):
        raise ValueError("allows only tls=off, and only with smtp://; without it, STARTTLS is required")
    sender = SENDER.fullmatch(options.get("from", ""))
    if sender is None:
        raise ValueError(Filled(N_("needs the sender of the emails, as in %(example)s"), example=EXAMPLE))
    return SmtpServer(
        host=_in_ascii(ascii_domain, parts.hostname or ""),
        port=parts.port or PORTS[parts.scheme],
        user=_credential(parts.username),
        password=_credential(parts.password),
        sender_name=(sender["name"] or "").strip(),
        sender=_in_ascii(ascii_address, sender["named"] or sender["bare"]),
        security="tls" if parts.scheme == "smtps" else options.get("tls", "starttls"),
    )


def written(host: str, port: str, user: str, sender_name: str, sender: str, security: str, password: str) -> str:
    """The URL of a mail server, from what an admin has typed. `parse` checks it."""
    scheme, off = ("smtps", "") if security == "tls" else ("smtp", "&tls=off" if security == "off" else "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@" if user else ""
    name = f"{sender_name} <{sender}>" if sender_name else sender
    host = f"[{host}]" if host.count(":") > 1 and "[" not in host else host  # an IPv6 address
    return f"{scheme}://{login}{host}{port and ':'}{port}?from={quote(name)}{off}"


def _in_ascii(form: Callable[[str], str], name: str) -> str:
    """A host, or the sender: not every mail server accepts letters of other scripts (RFC 6531)."""
    try:
        text = form(name)
    except ValueError:
        text = name
    if not text.isascii():
        raise ValueError(
            Filled(N_("has '%(name)s', which not every mail server accepts; write it in ASCII letters"), name=name)
        )
    return text


def _credential(written: str | None) -> str:
    """A user or password, which is sent in UTF-8 (RFC 4616)."""
    try:
        return unquote(written or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError(N_("has a user or password that is not in UTF-8")) from None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in PORTS and parts.hostname and parts.path in ("", "/") and not parts.fragment
        is_server = bool(is_server) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_server = False
    if not is_server:
        raise ValueError(Filled(N_("is not the URL of a mail server; write it as %(example)s"), example=EXAMPLE))
    return parts
