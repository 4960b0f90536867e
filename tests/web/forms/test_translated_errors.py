"""The errors of invalid settings are translated, also the errors of pydantic."""

from __future__ import annotations

from pydantic import ValidationError

from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail.localizer import catalogue
from koyjabo.web.schemas.bodies import sentence

REFUSED = {
    "SITE_NAME": "x" * 61,
    "SITE_SENTENCE_BN": "x" * 161,
    "APP_URL": "example.com",
    "PUBLIC_URL": "https://live.example.com/path",
    "TIMEZONE": "Dhaka",
    "BACKUP_DIR": "backups",
    "BACKUP_AT": "25:00",
    "BACKUP_KEEP": "0",
    "RETENTION_DAYS": "many",
    "BOT_POLICY": "x",
    "HONOUR_PRIVACY_SIGNALS": "x",
    "MILESTONES": "x",
    "OWN_ADDRESSES": "x",
    "ALLOWED_ORIGINS": "x",
}
SMTP = (
    "mail.example.com",
    "smtp://h:99999?from=a@b.com",
    "smtp://h",
    "smtp://:p@h?from=a@b.com",
    "smtp://h?from=ঢাকা@b.com",
)


def reason(name: str, value: str) -> str:
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        return sentence(error.errors()[0])
    return ""


def test_the_error_of_every_invalid_setting_has_a_bangla_translation():
    reasons = [reason(name, value) for name, value in REFUSED.items()] + [reason("SMTP_URL", value) for value in SMTP]
    templates = [getattr(text, "template", text) for text in reasons]
    assert [template for template in templates if catalogue("bn").gettext(template) == template] == []
