"""The settings as operators see them: value, default, meaning and group. Secrets are shown only as set or not set."""

from __future__ import annotations

from typing import NamedTuple

from pydantic.fields import FieldInfo

from koyjabo.core.i18n import N_
from koyjabo.settings.schema import Settings

GROUPS = {
    N_("Server"): (
        "ENVIRONMENT HOST PORT PUBLIC_URL APP_URL WEB_CONCURRENCY TIMEZONE TRUSTED_PROXIES MAX_CONNECTIONS "
        "BRIDGES WEBHOOK_ALLOW"
    ),
    N_("Storage"): "DATABASE_URL REDIS_URL RETENTION_DAYS STARTING_TOTAL ALLOW_EPHEMERAL_STORAGE GEOIP_DATABASE",
    N_("Backups"): "BACKUP_DIR BACKUP_TO BACKUP_AT BACKUP_KEEP",
    N_("Accounts and privacy"): (
        "SECRET_KEY SECRET_KEY_FILE ADMIN_EMAIL ADMIN_PASSWORD REQUIRE_TWO_FACTOR OIDC_PROVIDERS OIDC_SIGNUP "
        "OIDC_ADMIN_CLAIM OIDC_TRUST_MFA ALLOWED_ORIGINS HONOUR_PRIVACY_SIGNALS"
    ),
    N_("Tokens of other systems"): (
        "AUTH_JWKS_URL AUTH_SHARED_SECRET AUTH_ALGORITHMS AUTH_ISSUER AUTH_AUDIENCE AUTH_USER_CLAIM AUTH_NAME_CLAIM "
        "AUTH_COMMUNITIES_CLAIM AUTH_REQUIRED_CLAIMS"
    ),
    N_("Counting and presence"): (
        "ACTIVE_WINDOW_SECONDS LEAVE_GRACE_SECONDS UPDATE_INTERVAL_MS PUBLISH_INTERVAL_MS MILESTONES BOT_POLICY"
    ),
    N_("Limits"): (
        "RATE_LIMIT_REGISTRATIONS RATE_LIMIT_HEARTBEATS RATE_LIMIT_VISITOR RATE_LIMIT_LOGINS RATE_LIMIT_ACTIONS "
        "RATE_LIMIT_CHANGES RATE_LIMIT_MAILS RATE_LIMIT_REPORTS RATE_LIMIT_KEYS RATE_LIMIT_SOCKETS "
        "RATE_LIMIT_HANDSHAKES RATE_LIMIT_TABS"
    ),
    N_("Email, metrics and logs"): "SMTP_URL METRICS_TOKEN LOG_LEVEL LOG_FORMAT",
}
"""Each setting is in one group."""

SECRETS = {
    *("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "METRICS_TOKEN", "AUTH_SHARED_SECRET"),
    *("ADMIN_EMAIL", "ADMIN_PASSWORD"),
    *("GEOIP_DATABASE", "BACKUP_DIR", "BACKUP_TO", "SECRET_KEY_FILE"),  # a path of this machine
}
NEVER_EMPTY = {"SECRET_KEY", "DATABASE_URL"}
"""The server makes them where the operator sets none, so that their value does not say whether it was changed."""


class Setting(NamedTuple):
    name: str
    group: str  # a key of GROUPS
    value: str | None  # as one writes it; None for a secret
    default: str
    meaning: str  # Markdown, as in docs/settings.md; pages translate it
    is_set: bool  # has a value that is not empty
    is_changed: bool  # has another value than the default


def catalogue(settings: Settings) -> tuple[Setting, ...]:
    """All settings, by group."""
    fields = {str(field.alias): (name, field) for name, field in Settings.model_fields.items()}
    named = ((group, alias) for group, aliases in GROUPS.items() for alias in aliases.split())
    return tuple(_setting(group, fields[alias][1], getattr(settings, fields[alias][0])) for group, alias in named)


def written(value: object) -> str:
    """A value as it is written in the environment."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def _setting(group: str, field: FieldInfo, value: object) -> Setting:
    name, is_secret = str(field.alias), field.alias in SECRETS
    return Setting(
        name=name,
        group=group,
        value=None if is_secret else written(value),
        default=written(field.default),
        meaning=str(field.description),
        is_set=value not in ("", None, ()),
        is_changed=value != field.default and name not in NEVER_EMPTY,
    )
