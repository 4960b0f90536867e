"""`make settings`: the lists of settings in `.env.example`, docs/settings.md and compose.yaml."""

from __future__ import annotations

import pytest

import setting_lists
from koyjabo.base.settings.catalogue import PAGE_SETTINGS


def test_the_page_server_lists_its_settings_in_the_order_of_the_schema():
    first, *_ = setting_lists.sections().values()
    assert first == list(PAGE_SETTINGS)


@pytest.mark.parametrize("file", setting_lists.FILES)
def test_a_list_of_settings_is_what_make_settings_writes(file):
    assert (setting_lists.ROOT / file).read_text() == setting_lists.text_of(file), "run make settings"
