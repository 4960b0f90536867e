"""The page Settings: each with its value, default and meaning, and no secret."""

from __future__ import annotations

import re

import pytest
from support.application.site import SECRET, Site
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.settings.schema import Settings

NAMES = [str(field.alias) for field in Settings.model_fields.values()]


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    secrets = {"REDIS_URL": "", "SMTP_URL": "smtp://sender:hush@localhost:2525?tls=off&from=a%40b.example"}
    changed = {"RETENTION_DAYS": "30", "PUBLIC_URL": "https://live.example.com"}
    with Site(module_sqlite_database.url, **secrets, **changed) as site:
        yield site


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


def shown(page: str) -> list[str]:
    return re.findall(r'<tr id="([A-Z_]+)">', page)


def row(page: str, name: str) -> str:
    return words(page.partition(f'<tr id="{name}">')[2].partition("</tr>")[0])


def test_every_setting_is_shown_with_its_meaning_and_value_and_no_secret(site, admin):
    page = admin.get("/admin/settings")
    assert sorted(shown(page)) == sorted(NAMES)
    for field in Settings.model_fields.values():
        meaning = "".join(str(field.description).replace("`", "").split())
        assert meaning[1:] in "".join(row(page, str(field.alias)).split())

    assert row(page, "RETENTION_DAYS").startswith("RETENTION_DAYS Changed 30 365 Days for which each visit is kept")
    assert row(page, "HOST").startswith("HOST 0.0.0.0 0.0.0.0 IP address")
    assert row(page, "REDIS_URL").startswith("REDIS_URL Not set Empty")
    assert row(page, "SMTP_URL").startswith("SMTP_URL Changed Set Empty")

    for secret in (SECRET, "hush", site.database_url):
        assert secret not in page


FOUND = {
    "retention": ["RETENTION_DAYS"],
    "Rate limit visitor": ["RATE_LIMIT_VISITOR"],
    "  proxies": ["TRUSTED_PROXIES"],
}


def test_settings_are_found_by_name_and_meaning_and_by_their_change(admin):
    assert {query: shown(admin.get(f"/admin/settings?query={query}")) for query in FOUND} == FOUND
    found = set(shown(admin.get("/admin/settings?query=changed")))
    assert {"RETENTION_DAYS", "PUBLIC_URL", "SMTP_URL", "ENVIRONMENT"} <= found
    assert not {"HOST", "LOG_LEVEL", "SECRET_KEY"} & found

    assert "Nothing found." in words(admin.get("/admin/settings?query=xyzzy"))
