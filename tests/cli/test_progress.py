"""How far something is, said where nobody looks at a terminal."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from koyjabo.cli import progress


@pytest.fixture
def clock(monkeypatch):
    """What time it is, s."""
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_what_is_done_soon_says_nothing(clock, capsys):
    with progress.of(10, "Recounting") as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")
    with progress.of(0, "Recounting") as advance:
        clock[0] += progress.INTERVAL_S
        advance(0)
    assert capsys.readouterr().err == "Recounting: 0 of 0 (0%)\n"


def test_a_line_now_and_then(clock, capsys):
    with progress.of(5_000_000, "Recounting") as advance:
        for _ in range(4):
            clock[0] += progress.INTERVAL_S / 2
            advance(600_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("Recounting: 1,200,000 of 5,000,000 (24%)\nRecounting: 2,400,000 of 5,000,000 (48%)\n")
