"""How far something is, said where nobody looks at a terminal."""

from __future__ import annotations

from types import SimpleNamespace

from koyjabo.cli import progress


def test_a_line_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with progress.of(5_000_000, "Recounting") as advance:
        for _ in range(4):
            now[0] += progress.INTERVAL_S / 2
            advance(600_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("Recounting: 1,200,000 of 5,000,000 (24%)\nRecounting: 2,400,000 of 5,000,000 (48%)\n")
