"""OIDC_PROVIDERS and each provider's settings: what is read, and what stops the start."""

from __future__ import annotations

import pytest

import config
from config import SettingsError
from koyjabo.base.settings.catalogue import text_of

GOOGLE = {
    "OIDC_PROVIDERS": "google",
    "OIDC_GOOGLE_ISSUER": "https://accounts.google.com",
    "OIDC_GOOGLE_CLIENT_ID": "123.apps.googleusercontent.com",
    "OIDC_GOOGLE_CLIENT_SECRET": "rickshaw at dawn",
}
WORK = {
    "OIDC_WORK_ISSUER": "http://127.0.0.1:8080/realms/main",
    "OIDC_WORK_CLIENT_ID": "x",
    "OIDC_WORK_CLIENT_SECRET": "y",
}
WRONG = {
    "OIDC_GOOGLE_ISSUER": (
        *("", "accounts.google.com", "http://accounts.google.com", "ftp://x.example", "https://"),
        "https://a@x.example",
        *("https://x.example?a=1", "https://x.example#a", "https://x.example:port", "http://10.0.0.1", "https://[::1"),
        f"https://x.example/{'x' * 200}",
    ),
    "OIDC_GOOGLE_CLIENT_ID": ("", " ", "x" * 1001, "a\nb"),
    "OIDC_GOOGLE_CLIENT_SECRET": ("", "x" * 1001, "a\r\nb"),
    "OIDC_GOOGLE_NAME": ("x" * 51, "a\x00b"),
    "OIDC_GOOGLE_CLIENTID": ("x",),  # misspelt
    "OIDC_WORK_ISSUER": ("https://sso.example.com",),  # not in OIDC_PROVIDERS
    "OIDC_SIGN_UP": ("1",),
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "ROOT", tmp_path)
    return lambda given: config.load(given, instance=tmp_path / "instance")


def test_providers_are_read_in_their_order(load):
    settings = load({**GOOGLE, **WORK, "OIDC_PROVIDERS": " work, google", "OIDC_WORK_NAME": " Example Ltd "})
    assert [provider.name for provider in settings.oidc_providers] == ["work", "google"]
    work, google = settings.oidc_providers
    assert (work.issuer, work.label) == (WORK["OIDC_WORK_ISSUER"], "Example Ltd")
    assert (work.client_id, work.client_secret) == ("x", "y")
    assert google.label == "Google"
    assert load({}).oidc_providers == ()


def test_setting_that_is_wrong_missing_or_of_no_provider_stops_the_start(load):
    for name, values in WRONG.items():
        for value in values:
            with pytest.raises(SettingsError, match=rf"^{name} .*\.$") as refused:
                load({**GOOGLE, name: value})
            assert GOOGLE["OIDC_GOOGLE_CLIENT_SECRET"] not in str(refused.value)
    with pytest.raises(SettingsError, match=r"^OIDC_GOOGLE_CLIENT_ID is set, but OIDC_PROVIDERS"):
        load({name: value for name, value in GOOGLE.items() if name != "OIDC_PROVIDERS"})


def test_secret_of_a_provider_is_shown_nowhere(load):
    settings = load(GOOGLE)
    assert text_of(settings, "OIDC_PROVIDERS") == "google"
    assert GOOGLE["OIDC_GOOGLE_CLIENT_SECRET"] not in f"{settings!r} {settings}"
