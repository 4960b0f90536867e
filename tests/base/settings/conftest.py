"""Settings that are loaded without the environment of the machine."""

import pytest

import config
from koyjabo.base.settings.schema import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Remove the machine's settings from the environment, and use the test's `.env`."""
    for name in (*(str(field.alias) for field in Settings.model_fields.values()), "RENDER", "DYNO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "ROOT", tmp_path)


@pytest.fixture
def load(tmp_path):
    """Load these settings, with files in a new folder."""
    return lambda **overrides: config.load(overrides, instance=tmp_path / "instance")
