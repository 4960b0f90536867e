"""User agents that other people collected are read as they say."""

from __future__ import annotations

import pytest
from support.corpora import user_agents
from support.corpora.user_agents import BROWSER, CRAWLER, STORED_BROWSER

LEAST = {
    "phone": 99.0,
    "desktop": 98.0,
    "tablet": 81.0,  # a tablet whose browser says "Mobile" is known only by its model
    CRAWLER: 90.0,  # some have a bare name, which an app could have as well
}
"""Wanted agreement for each corpus, in percent."""


@pytest.fixture(scope="module")
def agreements():
    return list(user_agents.agreements())


def test_no_browser_of_the_corpora_is_a_crawler(agreements):
    browsers = [agreement for agreement in agreements if agreement.what in (BROWSER, STORED_BROWSER)]
    assert sum(agreement.right for agreement in browsers) > 37_000
    assert [agent for agreement in browsers for agent in agreement.wrong] == []


def test_crawlers_and_devices_of_the_corpora_are_recognised(agreements):
    judged = [agreement for agreement in agreements if agreement.what in LEAST]
    assert {(agreement.what, agreement.corpus.split()[0]) for agreement in judged} >= {
        (CRAWLER, "device-detector"),
        (CRAWLER, "crawler-user-agents"),
        ("phone", "user-agents"),
        ("phone", "fake-useragent"),
        ("phone", "device-detector"),
    }
    assert [agreement.row() for agreement in judged if agreement.share < LEAST[agreement.what]] == []
