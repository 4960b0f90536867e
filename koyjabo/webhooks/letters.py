"""Mails about webhooks that were disabled, to the admins of the site."""

from __future__ import annotations

from typing import Any

from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Letter
from koyjabo.webhooks.delivery_queries import Marked

KIND = "webhook"
"""The kind of the mail."""


class _Bundle:
    """The letters of one transaction."""

    def __init__(self, letters: list[Letter]) -> None:
        self._letters = letters

    def store(self, session: Any) -> None:
        for letter in self._letters:
            letter.store(session)


class Letters:
    """They name the host of a webhook alone: its URL may have tokens."""

    def __init__(self, mails: MailOutbox) -> None:
        self._mails = mails

    def told(self, marked: Marked) -> _Bundle | None:
        """The letters to store where `marked` has disabled a webhook; None if it has not."""
        if marked.disabled is None:
            return None
        webhook, reason, told = marked.disabled
        data = {"host": webhook.host, "reason": reason, "community": webhook.community, "path": "/admin/webhooks"}
        letters = (self._mails.letter(KIND, each.email, each.language, **data) for each in told)
        return _Bundle([letter for letter in letters if letter is not None])
