"""Who is back within a minute of having lost their line, on whichever worker of a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from koyjabo.observability import reconnections
from koyjabo.observability.reconnections import Reconnections


@pytest.fixture(params=["alone", "folder lost", "two workers"])
def pair(request, tmp_path) -> tuple[Reconnections, Reconnections]:
    """Where one leaves, and where they come back to."""
    if request.param == "two workers":
        return Reconnections(str(tmp_path), "secret"), Reconnections(str(tmp_path), "secret")
    only = Reconnections(None if request.param == "alone" else str(tmp_path / "nowhere"), "secret")
    return only, only


def test_one_who_lost_their_line_is_back_once(pair):
    here, there = pair
    here.lost("ayesha")
    assert not there.is_back("karim")
    assert [there.is_back("ayesha"), there.is_back("ayesha")] == [True, False]


def test_one_who_comes_later_is_not_back(pair, monkeypatch):
    here, there = pair
    here.lost("ayesha")
    now = reconnections.time.time()
    monkeypatch.setattr(reconnections, "time", SimpleNamespace(time=lambda: now + reconnections.WITHIN_S + 1))
    assert not there.is_back("ayesha")
