"""Who is back within a minute of having lost their line, on whichever worker of a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from koyjabo.observability import reconnections
from koyjabo.observability.reconnections import Reconnections


@pytest.fixture(params=["alone", "folder lost", "two workers"])
def pair(request, tmp_path) -> tuple[Reconnections, Reconnections]:
    """Where one leaves, and where they come back to."""
    if request.param == "alone":
        exclusive_transaction = Reconnections(None, "secret")
        return exclusive_transaction, exclusive_transaction
    if request.param == "folder lost":
        exclusive_transaction = Reconnections(str(tmp_path / "nowhere"), "secret")
        return exclusive_transaction, exclusive_transaction
    return Reconnections(str(tmp_path), "secret"), Reconnections(str(tmp_path), "secret")


def test_one_who_lost_their_line_is_back_once(pair):
    here, there = pair
    here.lost("ayesha")
    assert [there.is_back("ayesha"), there.is_back("ayesha")] == [True, False]


def test_others_are_not_back(pair):
    here, there = pair
    here.lost("ayesha")
    assert not there.is_back("karim")


def test_one_who_comes_later_is_not_back(pair, monkeypatch):
    here, there = pair
    here.lost("ayesha")
    now = reconnections.time.time()
    monkeypatch.setattr(reconnections, "time", SimpleNamespace(time=lambda: now + reconnections.WITHIN_S + 1))
    assert not there.is_back("ayesha")
