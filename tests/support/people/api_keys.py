"""API keys: `key(boss, "reports:read")` returns the text of a new key."""

from __future__ import annotations

from typing import Any

from support.application.site import Site
from support.people.accounts import Person, bare, bearer

PATH = "/api/keys"


def make(person: Person, *scopes: str, **fields: Any) -> dict[str, Any]:
    """Create a key, and return the response."""
    answer = person.post(PATH, json={"name": "Grafana", "scopes": list(scopes), **fields})
    assert answer.status_code == 201, answer.text
    return answer.json


def key(person: Person, *scopes: str, **fields: Any) -> str:
    return make(person, *scopes, **fields)["key"]


def call(site: Site, key: str, path: str, method: str = "GET", **request: Any) -> Any:
    return bare(site).open(path, method=method, headers=bearer(key) | request.pop("headers", {}), **request)
