"""Limits on the rows of a table, when two workers add a row at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.databases.at_once import hold_for_two

from koyjabo.base.core.errors import KoyJaboError, TooManyKeys
from koyjabo.base.core.identity import OPERATOR
from koyjabo.integrations.api_keys import api_keys as keys
from koyjabo.integrations.api_keys.api_keys import ApiKeys
from koyjabo.integrations.webhooks import webhooks
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.integrations.webhooks.webhooks import TooManyWebhooks

KINDS = ("postgres", pytest.param("sqlite", marks=pytest.mark.long))
pytestmark = pytest.mark.parametrize("module_database_kind", KINDS, indirect=True)


def make_key(site: Site) -> object:
    return site.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))


def make_webhook(site: Site) -> object:
    return site.services[WebhookServices].webhooks.create(OPERATOR, "https://93.184.215.14/hook", ["total.set"])


@pytest.fixture(scope="module")
def workers(module_database):
    with Site(module_database.url) as one, Site(module_database.url) as other:
        yield one, other


@pytest.mark.parametrize(
    ("make", "module", "limit", "refusal"),
    [
        (make_key, keys, "koyjabo.integrations.api_keys.api_keys.MAX_KEYS", TooManyKeys),
        (make_webhook, webhooks, "koyjabo.integrations.webhooks.webhooks.MAX_WEBHOOKS", TooManyWebhooks),
    ],
    ids=["keys", "webhooks"],
)
def test_two_workers_at_once_do_not_exceed_it(workers, module_database, monkeypatch, make, module, limit, refusal):
    """The first to count inserts only after the other has counted, or is waiting for it."""
    monkeypatch.setattr(limit, 1)
    hold_for_two(monkeypatch, module, "add_made_by", module_database)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(lambda worker: outcome(make, worker), workers))
    assert sorted(outcomes, key=str) == sorted([None, refusal], key=str)


def outcome(make: Callable[[Site], object], worker: Site) -> type[KoyJaboError] | None:
    try:
        make(worker)
    except KoyJaboError as error:
        return type(error)
    return None
