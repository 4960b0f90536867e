"""A mail server shared by the tests, and sites that send their emails through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.servers.mailbox import Mailbox


@pytest.fixture(scope="session")
def shared_mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox().start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def mailbox(shared_mailbox: Mailbox) -> Mailbox:
    """The shared mail server, empty and accepting everything."""
    shared_mailbox.mails.clear()
    shared_mailbox.recipients.clear()
    shared_mailbox.attempts, shared_mailbox.refusal = 0, ""
    return shared_mailbox


@pytest.fixture
def site(database, mailbox) -> Iterator[Site]:
    with Site(database.url, **mailbox.settings()) as site:
        yield site
