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


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_two_workers_that_add_a_row_at_the_same_time_do_not_exceed_the_limit(database, monkeypatch):
    """The first to count inserts only after the other has counted, or is waiting for it."""
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    hold_for_two(monkeypatch, queries, "add", database)
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(outcome, (one, other)))
    assert sorted(outcomes, key=str) == sorted([None, TooManyKeys], key=str)


def outcome(worker: Site) -> type[KoyJaboError] | None:
    try:
        worker.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))
    except KoyJaboError as error:
        return type(error)
    return None
