"""`make settings`: the lists of settings in `.env.example`, docs/settings.md and compose.yaml."""

from __future__ import annotations

import pytest

import setting_lists
from koyjabo.base.settings.catalogue import SETTING_SECTIONS
from koyjabo.base.settings.schema import Settings


def test_catalogue_lists_every_setting_once_in_the_order_of_the_schema():
    listed = [name.lower() for names in SETTING_SECTIONS.values() for name in names]
    assert listed == list(Settings.model_fields)


@pytest.mark.parametrize("file", setting_lists.FILES)
def test_a_list_of_settings_is_what_make_settings_writes(file):
    assert (setting_lists.ROOT / file).read_text() == setting_lists.text_of(file), "run make settings"


def test_lists_have_a_new_setting_and_lose_an_old_one(monkeypatch):
    monkeypatch.setattr(setting_lists, "SETTING_SECTIONS", {"Cities": ("ASN_DATABASE", "BACKUP_AT")})
    assert setting_lists.text_of(".env.example").endswith("\n\n# Cities\n# ASN_DATABASE=\n# BACKUP_AT=03:30\n")
    assert setting_lists.text_of("docs/settings.md").endswith(
        "| `BACKUP_AT` | `03:30` | time of the daily backup, in TIMEZONE |\n"
    )
    compose = setting_lists.text_of("compose.yaml")
    passed_on, _, rest = compose.partition(setting_lists.PASSED_ON)[2].partition("    volumes:\n")
    assert passed_on == "      ASN_DATABASE: ${ASN_DATABASE:-}\n      BACKUP_AT: ${BACKUP_AT:-}\n"
    assert "  postgres:\n" in rest


def test_a_section_without_a_table_is_named(monkeypatch):
    monkeypatch.setattr(setting_lists, "SETTING_SECTIONS", {"Ferries": ()})
    with pytest.raises(ValueError, match=r"docs/settings\.md has no table in the section 'Ferries'"):
        setting_lists.text_of("docs/settings.md")
