"""Unicode's tests for domain names give the names they say."""

from __future__ import annotations

import pytest
from support.corpora import domains
from support.corpora.domains import HOST, INVALID, VALID

LEAST = {
    VALID: 99.5,  # one name has an empty label
    INVALID: 99.0,  # Unicode 9 did not have all of today's letters
    HOST: 94.0,  # symbols next to a full stop of another script
}
"""Wanted agreement, in percent."""


@pytest.fixture(scope="module")
def agreements():
    return {agreement.what: agreement for agreement in domains.agreements()}


def test_domains_of_the_corpus_are_the_names_that_it_says(agreements):
    assert len(domains.cases()) > 3_700
    assert [agreement.row() for what, agreement in agreements.items() if agreement.share < LEAST[what]] == []


def test_no_domain_of_the_corpus_becomes_another_domain(agreements):
    assert [name for name, mistake in agreements[VALID].wrong.items() if mistake == "is another"] == []
