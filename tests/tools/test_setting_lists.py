"""`make settings`: the lists of settings in `.env.example`, docs/settings.md and compose.yaml."""

from __future__ import annotations

import pytest

import setting_lists
from koyjabo.base.settings.catalogue import PAGE_SETTINGS


def test_the_page_server_has_the_settings_of_its_section_in_the_order_of_the_schema():
    first, *_ = setting_lists.sections().values()
    assert first == list(PAGE_SETTINGS)


@pytest.mark.parametrize("file", setting_lists.FILES)
def test_a_list_of_settings_is_what_make_settings_writes(file):
    assert (setting_lists.ROOT / file).read_text() == setting_lists.text_of(file), "run make settings"


def test_the_lists_gain_a_new_setting_and_lose_a_removed_setting(monkeypatch):
    fields = setting_lists.Settings.model_fields
    known = {"asn_database": fields["asn_database"], "backup_at": fields["backup_at"]}
    monkeypatch.setattr(setting_lists, "Settings", type("Settings", (), {"model_fields": known}))
    monkeypatch.setattr(setting_lists, "SECTIONS", {"ASN_DATABASE": "Cities"})
    assert setting_lists.text_of(".env.example").endswith("\n\n# Cities\n# ASN_DATABASE=\n# BACKUP_AT=03:30\n")
    assert setting_lists.text_of("docs/settings.md").endswith(
        "| `BACKUP_AT` | `03:30` | time of the daily backup, in TIMEZONE |\n"
    )
    compose = setting_lists.text_of("compose.yaml")
    passed_on, _, rest = compose.partition(setting_lists.PASSED_ON)[2].partition("    volumes:\n")
    assert passed_on == "      ASN_DATABASE: ${ASN_DATABASE:-}\n      BACKUP_AT: ${BACKUP_AT:-}\n"
    assert "  postgres:\n" in rest
