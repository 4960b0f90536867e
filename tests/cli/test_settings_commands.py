"""`koyjabo settings …`: the way back for an owner who is locked out, and secrets after a restore."""

from __future__ import annotations

import json

import pytest
from support.servers.server import Server

from koyjabo.base.settings.schema import Settings

MAIL = "smtp://sender:hush@mail.example.com:587?from=live@example.com"


@pytest.fixture
def server(new_server, sqlite_database) -> Server:
    """Its commands run without it."""
    return new_server(sqlite_database, TIMEZONE="", SITE_NAME="Rail Count")


def put(server: Server, name: str, value: str) -> tuple[int, str]:
    done = server.koyjabo("settings", "set", name, value)
    return done.returncode, done.stdout + done.stderr


def test_the_list_of_settings_has_their_sources_and_no_secrets(server):
    assert put(server, "public_url", "https://live.example.com") == (0, "Set PUBLIC_URL.\n")
    assert put(server, "SMTP_URL", MAIL) == (0, "Set SMTP_URL.\n")
    lines = server.koyjabo("settings").stdout.splitlines()
    assert [line.split()[0].lower() for line in lines] == list(Settings.model_fields)
    assert {"SITE_NAME environment Rail Count", "SMTP_URL page (hidden)", "BACKUP_AT default 03:30"} <= set(lines)
    rows = json.loads(server.koyjabo("settings", "--json").stdout)
    assert {"name": "PUBLIC_URL", "source": "page", "value": "https://live.example.com"} in rows


def test_a_restore_with_another_secret_key_names_each_secret_to_enter_again(server, tmp_path):
    put(server, "PUBLIC_URL", "https://live.example.com")
    put(server, "SMTP_URL", MAIL)
    file = str(tmp_path / "koyjabo.backup")
    assert server.koyjabo("backup", file).returncode == 0
    server.settings |= {"SECRET_KEY": "6f1d2c9a84b7e053d4c1f6a29b80e7356f1d2c9b"}
    restored = server.koyjabo("restore", "--force", file)
    assert restored.returncode == 0, restored.stderr
    assert "SMTP_URL" in restored.stdout
