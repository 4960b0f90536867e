"""Whether the Content-Security-Policies of a page allow what our lines load (W3C CSP Level 3)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import new
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

FALLBACKS = {
    "script-src-elem": ("script-src", "default-src"),
    "frame-src": ("child-src", "default-src"),
    "connect-src": ("default-src",),
    "img-src": ("default-src",),
}
"""The directive that decides where a policy lacks the first one."""

PORTS = {"http": 80, "https": 443}
UPGRADES = {("http", "https"), ("http", "http"), ("https", "https")}
HASH = re.compile(r"'(sha256|sha384|sha512)-([A-Za-z0-9+/_=-]+)'")
HOST_SOURCE = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(?::(\*|\d{1,5}))?(/.*)?",
    re.IGNORECASE,
)
STRICT = "'strict-dynamic'"


class PageScript(NamedTuple):
    url: str  # "" for one that stands in the page
    text: str
    nonce: str


class ContentPolicies:
    """All policies of a page, each of which has to allow what it loads. `page` is the address of the page."""

    def __init__(self, page: str, headers: Iterable[str]) -> None:
        self._page = urlsplit(page)
        self._policies = [_directives(policy) for header in headers for policy in header.split(",")]

    def refusal(self, directive: str, url: str) -> str | None:
        """The directive that does not allow to load `url`, as its policy has it; None if all policies allow it."""
        target = urlsplit(url)
        for name, sources in self._deciding(directive):
            if not any(self._matches(source, target) for source in sources):
                return _written(name, sources)
        return None

    def refusal_of_script(self, script: PageScript) -> str | None:
        for name, sources in self._deciding("script-src-elem"):
            if not self._allows_script(sources, script):
                return _written(name, sources)
        return None

    def _deciding(self, directive: str) -> Iterator[tuple[str, list[str]]]:
        for policy in self._policies:
            name = next((each for each in (directive, *FALLBACKS[directive]) if each in policy), None)
            if name is not None:
                yield name, policy[name]

    def _allows_script(self, sources: list[str], script: PageScript) -> bool:
        if script.nonce and f"'nonce-{script.nonce}'" in sources:
            return True
        if script.url:
            is_strict = STRICT in map(str.lower, sources)
            return not is_strict and any(self._matches(source, urlsplit(script.url)) for source in sources)
        hashes = [found for source in sources if (found := HASH.fullmatch(source))]
        if any(_has_hash(script.text, *found.groups()) for found in hashes):
            return True
        is_inline_off = hashes or any(source.lower().startswith("'nonce-") for source in sources)
        return "'unsafe-inline'" in map(str.lower, sources) and not is_inline_off

    def _matches(self, source: str, url: SplitResult) -> bool:
        word = source.lower()
        if word == "'self'":
            return _origin(url) == _origin(self._page)
        if word == "*":
            return url.scheme in PORTS
        if re.fullmatch(r"[a-z][a-z0-9+.-]*:", word):
            return (word[:-1], url.scheme) in UPGRADES
        found = HOST_SOURCE.fullmatch(source)
        return found is not None and self._matches_host(url, *found.groups())

    def _matches_host(
        self, url: SplitResult, scheme: str | None, host: str, port: str | None, path: str | None
    ) -> bool:
        if ((scheme or self._page.scheme).lower(), url.scheme) not in UPGRADES:
            return False
        name, pattern = (url.hostname or "").lower(), host.lower().strip("[]")
        is_host = pattern == "*" or (name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern)
        known = url.port or PORTS.get(url.scheme)
        is_port = port == "*" or known == (int(port) if port else PORTS.get(url.scheme)) or (port, known) == ("80", 443)
        is_path = path in (None, "/") or (url.path.startswith(path) if path.endswith("/") else url.path == path)
        return is_host and is_port and is_path


def _directives(policy: str) -> dict[str, list[str]]:
    """The first one of a name counts."""
    found: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        found.setdefault(name.lower(), sources)
    return found


def _written(name: str, sources: list[str]) -> str:
    return " ".join((name, *sources))


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or PORTS.get(url.scheme)


def _has_hash(text: str, algorithm: str, expected: str) -> bool:
    digest = b64encode(new(algorithm, text.encode()).digest()).decode()
    return digest == expected.replace("-", "+").replace("_", "/")
