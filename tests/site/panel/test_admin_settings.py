"""The Settings page: the basics, and every setting that differs from its default, with its value and meaning but no
secrets.
"""

import re

import pytest
from support.application.site import SECRET, Site
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.base.settings.catalogue import BASICS


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    secrets = {"REDIS_URL": "", "SMTP_URL": "smtp://sender:hush@localhost:2525?tls=off&from=a%40b.example"}
    changed = {"RETENTION_DAYS": "30", "PUBLIC_URL": "https://live.example.com", "LOG_FORMAT": "json"}
    with Site(module_sqlite_database.url, **secrets, **changed) as site:
        yield site


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


def row(page: str, name: str) -> str:
    return words(page.partition(f'<div id="{name}">')[2].partition("</div>")[0])


def test_basics_and_changed_settings_are_shown_with_value_and_meaning_and_no_secret(site, admin):
    page = admin.get("/admin/settings")
    shown = re.findall(r'<div id="([A-Z_]+)">', page)
    assert tuple(shown[: len(BASICS)]) == tuple(BASICS)
    assert {"ENVIRONMENT", "LOG_FORMAT"} <= set(shown)
    assert not {"HOST", "LOG_LEVEL"} & set(shown)

    zone = "Time zone TIMEZONE=Asia/Dhaka Time zone for counting by day (IANA name); earlier visits stay on their day."
    assert row(page, "TIMEZONE") == zone
    assert row(page, "RETENTION_DAYS").startswith("Retention RETENTION_DAYS=30 Default: 365 Days to keep each visit")
    assert row(page, "BACKUP_TO").startswith("Backups in a bucket BACKUP_TO Not set S3-compatible bucket")
    assert row(page, "SMTP_URL").startswith("Email SMTP_URL Set Mail server")
    assert row(page, "SECRET_KEY").startswith("SECRET_KEY Set Signs sessions and tokens")
    assert row(page, "DATABASE_URL").startswith("DATABASE_URL Set sqlite:///… (default: instance/koyjabo.db ) or")
    assert 'href="/docs/settings.md"' in page

    for secret in (SECRET, "hush", site.database_url):
        assert secret not in page
