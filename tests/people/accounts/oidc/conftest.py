"""A provider, and a site where people may sign up with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.servers.openid_provider import OpenidProvider


@pytest.fixture(scope="session")
def running() -> Iterator[OpenidProvider]:
    with OpenidProvider() as provider:
        yield provider


@pytest.fixture
def work(running) -> Iterator[OpenidProvider]:
    """The provider, without faults at the start of each test."""
    yield running
    running.be_right()


@pytest.fixture(scope="module")
def site(module_database, running) -> Iterator[Site]:
    settings = {"OIDC_PROVIDERS": "work", "OIDC_SIGNUP": "1", **running.settings(NAME="The Office")}
    with Site(module_database.url, **settings) as site:
        yield site
