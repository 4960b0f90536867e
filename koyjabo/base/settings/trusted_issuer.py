"""Settings for the other system whose tokens are accepted: AUTH_… (specification: Tokens of other systems)."""

from .checks import NO_AUDIENCE, NO_CLAIMS, REQUIRED_CLAIM, SHARED_SECRETS
from .public_keys import KEY_TYPES, PublicKeys
from .schema import Settings


def claims_of(value: str) -> dict[str, str]:
    """The values in AUTH_REQUIRED_CLAIMS, by claim."""
    if value in ("", NO_CLAIMS):
        return {}
    return {match[1]: match[2] for match in map(REQUIRED_CLAIM.fullmatch, value.split(",")) if match}


def audience_of(settings: Settings) -> str:
    """The value that `aud` must be or contain; "" if tokens have none."""
    return "" if settings.auth_audience == NO_AUDIENCE else settings.auth_audience


def problem(settings: Settings) -> str | None:
    """Why these settings cannot be used together, as a sentence without secrets; None if they can."""
    if settings.auth_audience == NO_AUDIENCE and not claims_of(settings.auth_required_claims):
        return (
            "AUTH_AUDIENCE is none, which also accepts the tokens of other programs: list a claim that only tokens for "
            "this one have in AUTH_REQUIRED_CLAIMS, such as client_id:my-app."
        )
    if settings.auth_public_key and settings.auth_shared_secret:
        return "AUTH_SHARED_SECRET and AUTH_PUBLIC_KEY are both set: tokens are signed with one kind of key. Unset one."
    if settings.auth_public_key:
        return _problem_of_keys(settings)
    return _problem_of_secret(settings) if settings.auth_shared_secret else None


def _problem_of_keys(settings: Settings) -> str | None:
    for name, value in (("AUTH_ISSUER", settings.auth_issuer), ("AUTH_AUDIENCE", settings.auth_audience)):
        if not value:
            return f"{name} is missing: AUTH_PUBLIC_KEY is set, and its keys may also sign tokens for others."
    if not set(settings.token_algorithms) <= set(KEY_TYPES):
        return "AUTH_ALGORITHMS has a shared-secret algorithm, but AUTH_PUBLIC_KEY needs public-key algorithms."
    try:
        PublicKeys(settings.auth_public_key, settings.token_algorithms)
    except ValueError as error:
        return f"AUTH_PUBLIC_KEY {error}."
    return None


def _problem_of_secret(settings: Settings) -> str | None:
    secret = settings.auth_shared_secret
    if not set(settings.token_algorithms) <= set(SHARED_SECRETS):
        return "AUTH_ALGORITHMS has a public-key algorithm, but AUTH_SHARED_SECRET needs HS256, HS384 or HS512."
    if secret == settings.secret_key:
        return "AUTH_SHARED_SECRET equals SECRET_KEY: a system that has it could log in as anyone. Use another secret."
    if "-----BEGIN" in secret:
        return "AUTH_SHARED_SECRET is a PEM key, which may be public: use AUTH_PUBLIC_KEY."
    least = max(SHARED_SECRETS[algorithm] for algorithm in settings.token_algorithms)
    if len(secret.encode()) < least:
        return f"AUTH_SHARED_SECRET is too short: it needs at least {least} bytes."
    if not settings.auth_required_claims:
        return (
            "AUTH_REQUIRED_CLAIMS is missing: with AUTH_SHARED_SECRET, list the claims that only access tokens have, "
            "such as token_type:access, or set it to none if there are none."
        )
    return None
