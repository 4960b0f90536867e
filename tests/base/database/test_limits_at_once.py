"""Limits on the rows of a table, when two workers add a row at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.databases.at_once import hold_for_two

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.identity import OPERATOR
from koyjabo.integrations.api_keys import queries
from koyjabo.integrations.api_keys.api_keys import ApiKeys
from koyjabo.integrations.api_keys.errors import TooManyKeys

KINDS = ("postgres", pytest.param("sqlite", marks=pytest.mark.long))
pytestmark = pytest.mark.parametrize("module_database_kind", KINDS, indirect=True)


@pytest.fixture(scope="module")
def workers(module_database):
    with Site(module_database.url) as one, Site(module_database.url) as other:
        yield one, other


def test_two_workers_at_once_do_not_exceed_it(workers, module_database, monkeypatch):
    """The first to count inserts only after the other has counted, or is waiting for it."""
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    hold_for_two(monkeypatch, queries, "add", module_database)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(outcome, workers))
    assert sorted(outcomes, key=str) == sorted([None, TooManyKeys], key=str)


def outcome(worker: Site) -> type[KoyJaboError] | None:
    try:
        worker.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))
    except KoyJaboError as error:
        return type(error)
    return None
