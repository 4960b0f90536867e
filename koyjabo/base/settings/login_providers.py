"""OIDC_PROVIDERS, and each provider's settings, whose names contain the provider's name."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PROVIDERS, PREFIX = "OIDC_PROVIDERS", "OIDC_"
OF_A_PROVIDER = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME")
OF_ALL = {PROVIDERS, "OIDC_SIGNUP", "OIDC_ADMIN_CLAIM", "OIDC_TRUST_MFA"}

NAME = re.compile(r"[a-z][a-z0-9]{0,31}", re.ASCII)
LONGEST_ISSUER, LONGEST_LABEL, LONGEST = 200, 50, 1000
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class LoginProvider:
    """An OpenID provider that users may log in with. `str` returns only the name, so that the secret never appears in a
    log.
    """

    name: str  # the name in paths
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str  # the name on buttons

    def __str__(self) -> str:
        return self.name


def read(given: Mapping[str, Any]) -> tuple[LoginProvider, ...]:
    """Read the providers, in the order of OIDC_PROVIDERS, from settings by name. Raises ValueError with a sentence
    about an invalid name, a missing setting, or a setting without a provider.
    """
    names = [part.strip() for part in str(given.get(PROVIDERS, "")).split(",") if part.strip()]
    if not all(NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise ValueError(
            f"{PROVIDERS} is {given[PROVIDERS]!r}: it should be unique, comma-separated names of lowercase letters "
            "and digits, such as google,work."
        )
    known = OF_ALL | {_setting(name, part) for name in names for part in OF_A_PROVIDER}
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            raise ValueError(f"{name} is set, but {PROVIDERS} lacks its provider. Add the provider, or unset this.")
    return tuple(_provider(given, name) for name in names)


def is_secure(url: str) -> bool:
    """Whether data sent to a URL is safe in transit: the URL uses https, or leads to this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _provider(given: Mapping[str, Any], name: str) -> LoginProvider:
    issuer, client_id, secret = (_required(given, name, part) for part in OF_A_PROVIDER[:3])
    parts = urlsplit(issuer) if is_secure(issuer) else None
    if parts is None or parts.query or parts.fragment or len(issuer) > LONGEST_ISSUER:
        raise ValueError(
            f"{_setting(name, 'ISSUER')} is {issuer!r}: it should be a URL such as https://accounts.google.com (http "
            "only on this machine)."
        )
    label = str(given.get(_setting(name, "NAME"), "")).strip() or name.capitalize()
    if len(label) > LONGEST_LABEL or UNSEEN.search(label):
        raise ValueError(f"{_setting(name, 'NAME')} should be a name of at most {LONGEST_LABEL} characters.")
    return LoginProvider(name, issuer, client_id, secret, label)


def _required(given: Mapping[str, Any], name: str, part: str) -> str:
    setting = _setting(name, part)
    value = str(given.get(setting, "")).strip()
    if not value:
        raise ValueError(f"{setting} is missing: {PROVIDERS} has the provider {name}, which needs it.")
    if len(value) > LONGEST or UNSEEN.search(value):
        raise ValueError(f"{setting} should be one line of at most {LONGEST} characters.")
    return value


def _setting(name: str, part: str) -> str:
    return f"{PREFIX}{name.upper()}_{part}"
