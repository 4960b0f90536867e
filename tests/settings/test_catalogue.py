"""The settings as operators see them."""

from __future__ import annotations

import config
from koyjabo.settings.catalogue import GROUPS, NEVER_EMPTY, SECRETS, catalogue
from koyjabo.settings.schema import Settings

NAMES = [str(field.alias) for field in Settings.model_fields.values()]
TELLING = ("SECRET", "PASSWORD", "TOKEN", "_URL")


def test_every_setting_is_in_one_group():
    assert sorted(" ".join(GROUPS.values()).split()) == sorted(NAMES)


def test_secrets_have_no_value():
    made = catalogue(
        config.load(
            {"SMTP_URL": "smtp://a:hush@mail.example.com?from=a%40b.example", "PUBLIC_URL": "https://x.example"}
        )
    )
    assert "hush" not in str(made)
    assert {each.name for each in made if each.value is None} == SECRETS
    assert {name for name in NAMES if any(part in name for part in TELLING)} - SECRETS == {"PUBLIC_URL"}


def test_only_other_values_than_the_default_are_changed():
    assert [each.name for each in catalogue(Settings()) if each.is_changed] == []
    given = catalogue(Settings(TIMEZONE="UTC", LANES=False, SECRET_KEY="x" * 40))
    assert {each.name: each.value for each in given if each.is_changed} == {"TIMEZONE": "UTC", "LANES": "0"}
    assert {each.name for each in given if each.name in NEVER_EMPTY and not each.is_changed} == NEVER_EMPTY
