"""Settings as text: which values are secret, and how a value is written in the environment."""

from .schema import Settings

SECRETS = {
    *("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "METRICS_TOKEN", "AUTH_SHARED_SECRET"),
    *("ADMIN_EMAIL", "ADMIN_PASSWORD", "AUTH_PUBLIC_KEY"),
}
"""Settings whose values are not shown: secrets, addresses of people, and long texts."""


def text_of(settings: Settings, name: str) -> str:
    """The value of a setting as it would be written in the environment."""
    return written(getattr(settings, name.lower()))


def written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value)
