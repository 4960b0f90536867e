"""A site whose webhooks may send to this machine, and a receiver."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.application.site import Site, Time
from support.people.webhooks import HookedSite
from support.servers.webhook_receiver import LOOPBACK, WebhookReceiver


@pytest.fixture(scope="session")
def shared_receiver() -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    yield receiver
    receiver.close()


@pytest.fixture
def receiver(shared_receiver: WebhookReceiver) -> WebhookReceiver:
    shared_receiver.reset()
    return shared_receiver


@pytest.fixture
def site(sqlite_database) -> Iterator[Site]:
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def hooked(database, receiver: WebhookReceiver) -> Iterator[HookedSite]:
    settings = {"ENVIRONMENT": "development", "WEBHOOK_ALLOW": LOOPBACK, "PUBLIC_URL": "https://live.example.com"}
    # Receivers refuse signatures from another time.
    with Site(database.url, Time(round(time.time() * 1000)), **settings) as site:
        yield HookedSite(site, receiver)
