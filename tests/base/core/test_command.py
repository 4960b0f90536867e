"""The operator's command as pages show it."""

import shutil
import sys

import pytest

from koyjabo.base.core.installation import own_command


@pytest.mark.parametrize("is_on_path", [True, False])
def test_command_works_where_the_reader_is(tmp_path, monkeypatch, is_on_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/koyjabo" if is_on_path else None)
    assert own_command() == ("koyjabo" if is_on_path else ".venv/bin/koyjabo")
    monkeypatch.setattr(sys, "prefix", "/opt/koyjabo")
    assert own_command() == "koyjabo"
