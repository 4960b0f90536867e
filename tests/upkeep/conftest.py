"""The priority of the processes that make backups and import files."""

from __future__ import annotations

import pytest

from koyjabo.base.jobs import child_process


@pytest.fixture
def usual_priority(monkeypatch):
    """Other tests keep all cores busy, and a low-priority process would wait."""
    monkeypatch.setattr(child_process, "NICENESS", 1)
