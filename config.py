"""Reads the settings from the environment and validates them once; refuses unusable and unsafe ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import maxminddb
from dotenv import dotenv_values
from pydantic import ValidationError

from koyjabo.base.core import installation, own_files
from koyjabo.base.core.sanitize import stripped
from koyjabo.base.core.secret_key import SecretKey
from koyjabo.base.network.maxmind_file import CITY_FILES
from koyjabo.base.settings import (
    backup_folder,
    database_url,
    operator_secrets,
    redis_url,
    trusted_issuer,
)
from koyjabo.base.settings.checks import MIN_TOKEN_LENGTH
from koyjabo.base.settings.given_text import cleaned
from koyjabo.base.settings.schema import Settings

ROOT = installation.home()
INSTANCE = ROOT / "instance"
FILE_KEPT = "KOYJABO_FILE_KEPT"
"""Environment variable that is set once the settings of `.env` are in the environment."""

DATABASES_OF_ADDRESSES = {
    "GEOIP_DATABASE": "run `koyjabo geoip` and leave it empty, or remove the file to locate visitors by country",
    "ASN_DATABASE": "unset it to use the server's own list of hosting networks",
}
"""Settings that name MaxMind databases, with the remedy if one cannot be used."""

CERT_FILE = "SSL_CERT_FILE"
CERT_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",  # macOS, BSD
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)
"""Files with the certificate authorities that a machine trusts."""

SECRET_LENGTHS = {
    **dict.fromkeys(("SECRET_KEY", "AUTH_SHARED_SECRET"), operator_secrets.MIN_SECRET_LENGTH),
    "METRICS_TOKEN": MIN_TOKEN_LENGTH,
}
"""Minimum lengths of the secrets that must not be guessable, characters."""

NAMES = {str(field.alias) for field in Settings.model_fields.values()}
AS_NUMBER = "autonomous_system_number"


class SettingsError(Exception):
    """A setting is unusable. The message is one sentence with its name and the remedy."""


def load(
    overrides: Mapping[str, Any] | None = None, instance: Path = INSTANCE, creates_database: bool = True
) -> Settings:
    """Read the settings: `overrides`, then the environment, then `.env` (in development only).

    Raises SettingsError for the first setting that cannot be used, and for a missing SQLite file unless
    `creates_database` is set. A value without anything but white space counts as not set.
    """
    _name_trusted_authorities()
    raw = _given(overrides or {})
    given = {name: _text(name, value) for name, value in raw.items()}
    made = {"secret_key", "database_url"} - {name.lower() for name in given}
    given["ENVIRONMENT"] = _environment(given)
    try:
        given["DATABASE_URL"] = database_url.normal(str(given.get("DATABASE_URL", "")), instance)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    file = database_url.file_of(given["DATABASE_URL"])
    own_files.follow(file or Path(str(given.get("SECRET_KEY_FILE") or instance / "secret_key")))
    _refuse_a_file_named_with_white_space(file, str(raw.get("DATABASE_URL", "")), instance)
    if not (creates_database or file is None or os.path.exists(file)):  # Path.exists raises in a folder of others
        raise SettingsError(
            f"There is no database {file}. Set DATABASE_URL, or {installation.HOME}, to where the data is. A server "
            "creates a new database when it starts."
        )
    if not given.get("GEOIP_DATABASE"):
        given["GEOIP_DATABASE"] = os.pathsep.join(file for file in CITY_FILES if os.path.exists(instance / file))
    for name, remedy in DATABASES_OF_ADDRESSES.items():
        given[name] = _databases(name, str(given.get(name, "")), instance, remedy)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_sentence(error, given)) from None
    _refuse_what_cannot_work(settings, on_render="RENDER" in given)
    settings = settings.model_copy(update={"secret_key": _secret_key(settings, raw, instance)})
    settings.model_fields_set.difference_update(made)  # so that the page Settings does not show them as set
    _refuse_weak_secrets(settings)
    return settings


def _refuse_a_file_named_with_white_space(file: Path | None, raw_url: str, instance: Path) -> None:
    """Refuse to begin a new SQLite `file` while the data is in a file that earlier versions named with the white space
    of `raw_url`. Raises SettingsError.
    """
    with suppress(ValueError):
        earlier = database_url.file_of(database_url.normal(raw_url, instance))
        if file and earlier and os.path.exists(earlier) and not os.path.exists(file):
            raise SettingsError(
                f"DATABASE_URL ended with white space, which was part of the file's name: rename it from "
                f"{str(earlier)!r} to {str(file)!r}."
            )


def _secret_key(settings: Settings, raw: Mapping[str, Any], instance: Path) -> str:
    """SECRET_KEY, or the key that SECRET_KEY_FILE or a development server keeps in a file. Raises SettingsError."""
    if settings.secret_key or (not settings.secret_key_file and settings.environment == "production"):
        return SecretKey(settings.secret_key, raw.get("SECRET_KEY", ""))
    file = settings.secret_key_file or str(instance / "secret_key")
    try:
        kept = operator_secrets.load_or_create(Path(file))
    except (OSError, UnicodeDecodeError) as error:
        folder = Path(file).parent
        why = own_files.reason_of_system(error, folder) if isinstance(error, OSError) else "it is not text"
        raise SettingsError(
            f"SECRET_KEY_FILE is {file!r}, which cannot be read or created: {why}. Choose a writable file."
        ) from None
    key = _text("SECRET_KEY", kept)
    if not key:
        raise SettingsError(
            f"SECRET_KEY_FILE is {file!r}, which is empty. Write the server's previous key into it, or remove it so "
            "that the next start generates a new one."
        )
    return SecretKey(key, kept)


def _name_trusted_authorities() -> None:
    """Name the file with the machine's certificate authorities, for PostgreSQL's `sslrootcert=system`, Redis and the
    mail server. The OpenSSL in a driver's wheel would look for it in a folder of the machine that built the wheel.
    """
    file = next(filter(os.path.isfile, CERT_FILES), None)
    if file and not os.environ.get(CERT_FILE):
        os.environ[CERT_FILE] = file


def require_backup_folder(settings: Settings) -> None:
    """Check BACKUP_DIR before a server starts. Raises SettingsError if it is unusable."""
    if why := backup_folder.problem(settings.backup_dir):
        raise SettingsError(why)


def protect_instance(instance: Path = INSTANCE) -> None:
    """Allow only the owner to read `instance/`."""
    with suppress(OSError):  # it is missing, belongs to another user, or is mounted read-only
        if instance.stat().st_mode & 0o077:
            instance.chmod(0o700)


def keep_files(settings: Settings) -> None:
    """Put the settings of `.env` and the keys of AUTH_PUBLIC_KEY into the environment, so that processes forked later
    have the same settings even if the files change.
    """
    kept = {**_given({}), "AUTH_PUBLIC_KEY": settings.auth_public_key, FILE_KEPT: "1"}
    os.environ.update({name: os.fsdecode(value.encode(errors="surrogateescape")) for name, value in kept.items()})


def _given(overrides: Mapping[str, Any]) -> dict[str, Any]:
    given = _set(os.environ) | _set(overrides)
    defaults = {"HOST": "127.0.0.1"} if installation.HOME in os.environ else {}
    if _environment(given) == "development" and FILE_KEPT not in given:
        given = _set(_read_file(ROOT / ".env")) | given
    return defaults | given


def _text(name: str, value: Any) -> Any:
    """A value, which is UTF-8 in any locale, without white space at its ends. Raises SettingsError."""
    if name not in NAMES or not isinstance(value, str):
        return value
    try:
        with suppress(UnicodeEncodeError):
            value.encode()
            return cleaned(name, value)
        return cleaned(name, os.fsencode(value).decode())
    except UnicodeError:
        raise SettingsError(f"{name} is not UTF-8 text.") from None
    except ValueError as error:
        raise SettingsError(f"{name} {error}.") from None


def _read_file(file: Path) -> dict[str, str | None]:
    """The settings in a file, which may be missing. Raises SettingsError."""
    try:
        return dotenv_values(file, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{file} cannot be read: {why}.") from None


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and stripped(str(value))}


def _environment(given: Mapping[str, Any]) -> str:
    hosted = given.get("RENDER") or given.get("DYNO")
    return stripped(given.get("ENVIRONMENT", "")) or ("production" if hosted else "development")


def _databases(name: str, text: str, instance: Path, remedy: str) -> str:
    """The absolute paths of the files in `text`. Raises SettingsError for a file that cannot be used."""
    files = [str(instance / file) for file in text.split(os.pathsep) if file]
    for file in files:
        try:
            if Path(file).is_fifo():
                raise ValueError("it would wait for a writer")
            open(file, "rb").close()  # for the system's reason
            with maxminddb.open_database(file) as database:
                _, record = next(iter(database), (None, {}))
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
            raise SettingsError(
                f"{name} names {file!r}, which cannot be read as a MaxMind database{reason}; {remedy}."
            ) from None
        has_numbers = isinstance(record, dict) and AS_NUMBER in record
        has_locations = not has_numbers or "country" in record  # or both, in a merged database
        if not (has_numbers if name == "ASN_DATABASE" else has_locations):
            lacks = "AS numbers" if name == "ASN_DATABASE" else "locations"
            raise SettingsError(f"{name} names {file!r}, which has no {lacks}; {remedy}.")
    return os.pathsep.join(files)


def _sentence(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    why = _allowed(name, first["type"]) or first["msg"].removeprefix("Value error, ")
    why = why.replace("Input should be", "should be")
    if why.endswith("."):  # a whole sentence
        return f"{name}: {why}"
    if Settings.is_secret(name) and name != "ADMIN_EMAIL":  # an address that only the operator reads here
        return f"{name} {why}."
    return f"{name} is {given[name]!r}{': it' if why.startswith('should') else ', which'} {why}."


def _allowed(name: str, problem: str) -> str:
    """What a number may be, for a problem that pydantic describes in its own words; "" for others."""
    if problem.startswith(("int", "greater", "less")):
        limits: list[Any] = Settings.model_fields[name.lower()].metadata
        least = next(limit.ge for limit in limits if hasattr(limit, "ge"))
        most = next((f"to {limit.le}" for limit in limits if hasattr(limit, "le")), "up")
        return f"should be a whole number from {least} {most}"
    return ""


def _refuse_what_cannot_work(settings: Settings, on_render: bool) -> None:
    workers = settings.web_concurrency
    if workers > 1 and not settings.redis_url:
        raise SettingsError(
            f"WEB_CONCURRENCY is {workers} but REDIS_URL is empty. Several workers need Redis to share "
            "visits: set REDIS_URL, or WEB_CONCURRENCY=1."
        )
    if settings.redis_url and (problem := redis_url.problem(settings.redis_url)):
        raise SettingsError(problem)
    if bool(settings.admin_email) != bool(settings.admin_password):
        given, missing = (
            ("ADMIN_EMAIL", "ADMIN_PASSWORD") if settings.admin_email else ("ADMIN_PASSWORD", "ADMIN_EMAIL")
        )
        raise SettingsError(f"{missing} is missing: {given} is set, and the first admin needs both.")
    if conflict := settings.conflict()[1] or trusted_issuer.problem(settings):
        raise SettingsError(conflict)
    if on_render and not settings.allow_ephemeral_storage and database_url.is_ephemeral(settings.database_url):
        raise SettingsError(
            "DATABASE_URL is a file that Render deletes on every deploy. Attach a PostgreSQL database, put the file "
            "on a persistent disk, or set ALLOW_EPHEMERAL_STORAGE=1 to accept losing the count each time."
        )


def _refuse_weak_secrets(settings: Settings) -> None:
    """Refuse guessable secrets in production (`koyjabo.base.settings.operator_secrets`). Raises SettingsError."""
    if settings.environment != "production":
        return
    if not settings.secret_key:
        raise SettingsError(f"SECRET_KEY is missing: production needs one; {operator_secrets.MAKE_ONE}.")
    for name, shortest in SECRET_LENGTHS.items():
        secret = settings.text_of(name)
        if secret and (why := operator_secrets.weakness(secret, shortest)):
            raise SettingsError(f"{name} {why}; {operator_secrets.MAKE_ONE}.")
    if settings.admin_password and operator_secrets.is_obvious(settings.admin_password, settings.admin_email):
        raise SettingsError("ADMIN_PASSWORD is easy to guess; choose another one.")
