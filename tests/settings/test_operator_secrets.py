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


@pytest.mark.parametrize("weak", WEAK)
def test_what_is_soon_guessed_is_refused(weak):
    assert operator_secrets.weakness(weak).startswith("is ")
    with pytest.raises(SettingsError, match=r"^SECRET_KEY is .*; make one with python -c .*\.$"):
        config.load({"ENVIRONMENT": "production", "SECRET_KEY": weak, "DATABASE_URL": "postgresql://db/x"})


@pytest.mark.parametrize("make", [lambda: secrets.token_hex(32), lambda: secrets.token_urlsafe(32)])
def test_what_is_random_is_taken(make):
    assert [made for made in (make() for _ in range(2000)) if operator_secrets.weakness(made)] == []
    assert operator_secrets.weakness(secrets.token_hex(16)) is None


OBVIOUS = [
    "password",
    "Password1!",
    "12345678",
    "administrator",
    "admin2026",
    "changeme-now",
    "qwertyuiop",
    "boss1234",
    "koyjabo2026",
    "abcdabcd",
    "aaaaaaaa",
]


@pytest.mark.parametrize("password", OBVIOUS)
def test_password_that_anybody_would_try_first_is_refused_in_production_alone(password, tmp_path):
    admin = {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": password}
    production = {"ENVIRONMENT": "production", "SECRET_KEY": secrets.token_hex(32), "DATABASE_URL": "postgresql://d/x"}
    with pytest.raises(SettingsError, match=r"^ADMIN_PASSWORD ") as refused:
        config.load({**production, **admin})
    assert password not in str(refused.value)
    assert config.load({"ENVIRONMENT": "development", **admin}, instance=tmp_path).admin_password == password


@pytest.mark.parametrize("password", ["the first of them", "rickshaw at dawn", "7Gk!pQ2w", "ঢাকা থেকে চট্টগ্রাম"])
def test_password_that_is_not_obvious_is_taken(password):
    assert not operator_secrets.is_obvious(password, "boss@example.com")
