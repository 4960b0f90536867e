"""Mails about webhooks that were disabled, to the people who manage them."""

from __future__ import annotations

from typing import Any

from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Letter
from koyjabo.webhooks.delivery_queries import Marked
from koyjabo.webhooks.queries import Endpoint

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
        data = {"host": webhook.host, "reason": reason, "community": webhook.community, "path": _path(webhook)}
        letters = (self._mails.letter(KIND, each.email, each.language, **data) for each in told)
        return _Bundle([letter for letter in letters if letter is not None])


def _path(webhook: Endpoint) -> str:
    """Admins of a community need not see the panel."""
    return f"/communities/{webhook.community_id}/webhooks" if webhook.community_id else "/admin/webhooks"
