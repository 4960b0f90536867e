"""The settings as operators see them: value, default and meaning. For secrets, only whether they are set."""

from __future__ import annotations

from typing import NamedTuple

from pydantic.fields import FieldInfo

from koyjabo.base.core.i18n import N_
from koyjabo.base.settings.schema import Settings

BASICS = {
    "SITE_NAME": N_("Name of the site"),
    "TIMEZONE": N_("Time zone"),
    "PUBLIC_URL": N_("Public address"),
    "APP_URL": N_("Address of the app"),
    "SMTP_URL": N_("Email"),
    "BACKUP_DIR": N_("Backups in a folder"),
    "BACKUP_TO": N_("Backups in a bucket"),
    "RETENTION_DAYS": N_("Retention"),
    "BOT_POLICY": N_("Bots"),
    "MILESTONES": N_("Milestones"),
    "GEOIP_DATABASE": N_("Cities"),
    "ASN_DATABASE": N_("Networks"),
    "OWN_ADDRESSES": N_("Own visits"),
    "OIDC_PROVIDERS": N_("Login with others"),
    "REQUIRE_TWO_FACTOR": N_("Two-step login"),
}
"""Titles of the settings that owners ask about most, in the order shown on the page."""

SECRETS = {
    *("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "METRICS_TOKEN", "AUTH_SHARED_SECRET"),
    *("ADMIN_EMAIL", "ADMIN_PASSWORD"),
    *("GEOIP_DATABASE", "ASN_DATABASE", "BACKUP_DIR", "BACKUP_TO", "SECRET_KEY_FILE"),  # paths on this machine
}


class Setting(NamedTuple):
    name: str
    title: str  # "" if not in BASICS; pages translate it
    value: str | None  # as in the environment; None for a secret
    default: str
    meaning: str  # Markdown, as in docs/settings.md; pages translate it
    is_set: bool  # has a value that is not empty
    is_changed: bool  # the operator has set it to another value than the default


def catalogue(settings: Settings) -> dict[str, Setting]:
    """All settings, by name."""
    return {
        str(field.alias): _setting(field, getattr(settings, key), key in settings.model_fields_set)
        for key, field in Settings.model_fields.items()
    }


def written(value: object) -> str:
    """A value as it would be written in the environment."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def _setting(field: FieldInfo, value: object, is_given: bool) -> Setting:
    name, is_secret = str(field.alias), field.alias in SECRETS
    return Setting(
        name=name,
        title=BASICS.get(name, ""),
        value=None if is_secret else written(value),
        default=written(field.default),
        meaning=str(field.description),
        is_set=value not in ("", None, ()),
        is_changed=is_given and value != field.default,
    )
