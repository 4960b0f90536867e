"""Which secrets a server in production takes, and which it refuses with a sentence."""

from __future__ import annotations

import secrets

import pytest

import config
from config import SettingsError
from koyjabo.settings import operator_secrets

WEAK = [
    "short",
    "k" * 64,
    "abc" * 20,
    "rickshaw at dawn" * 2,
    "01" * 32,
    "aaaaaaaabbbbbbbbaaaabbbbaaababab1234",
    "please-change-me-before-going-live-1",
    "your-secret-key-goes-here-x9k2m4p8qz",
    "koyjabo-live-in-production-2f9a71bc4",
    "abcdefghijklmnopqrstuvwxyz012345",
    "0123456789abcdef0123456789abcdefX",
]


def test_what_is_soon_guessed_is_refused():
    assert [weak for weak in WEAK if not operator_secrets.weakness(weak).startswith("is ")] == []
    for weak in WEAK:
        with pytest.raises(SettingsError, match=r"^SECRET_KEY is .*; make one with python -c .*\.$"):
            config.load({"ENVIRONMENT": "production", "SECRET_KEY": weak, "DATABASE_URL": "postgresql://db/x"})


def test_what_is_random_is_taken():
    for make, length in ((secrets.token_hex, 32), (secrets.token_urlsafe, 32), (secrets.token_hex, 16)):
        assert [made for made in (make(length) for _ in range(500)) if operator_secrets.weakness(made)] == []


OBVIOUS = ["password", "Password1!", "12345678", "administrator", "admin2026", "changeme-now", "qwertyuiop", "boss1234"]
OBVIOUS += ["koyjabo2026", "abcdabcd", "aaaaaaaa"]


def test_password_that_anybody_would_try_first_is_refused_in_production_alone(tmp_path):
    production = {"ENVIRONMENT": "production", "SECRET_KEY": secrets.token_hex(32), "DATABASE_URL": "postgresql://d/x"}
    for password in OBVIOUS:
        admin = {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": password}
        with pytest.raises(SettingsError, match=r"^ADMIN_PASSWORD ") as refused:
            config.load({**production, **admin})
        assert password not in str(refused.value)
        assert config.load({"ENVIRONMENT": "development", **admin}, instance=tmp_path).admin_password == password
    taken = ["the first of them", "rickshaw at dawn", "7Gk!pQ2w", "ঢাকা থেকে চট্টগ্রাম"]
    assert [each for each in taken if operator_secrets.is_obvious(each, "boss@example.com")] == []
