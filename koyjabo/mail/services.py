"""Builds the outbox for emails."""

from __future__ import annotations

from urllib.parse import urlsplit

from koyjabo.cluster.base import Base
from koyjabo.mail.composer import Composer
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.smtp import SmtpTransport


def build(base: Base) -> MailOutbox:
    settings, own = base.settings, (base.database, base.clock, base.runtime)
    server, secret, most = settings.smtp, settings.secret_key, settings.rate_limit_mails
    if server is None:
        return MailOutbox(*own, None, None, secret, most)
    composer = Composer(server.sender_name, server.sender, settings.public_url, LinkTokens(secret), settings.zone)
    transport = SmtpTransport(server, urlsplit(settings.public_url).hostname or "localhost", base.runtime)
    return MailOutbox(*own, composer, transport, secret, most)
