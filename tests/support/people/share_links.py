"""Share links, for their creators and for people who open them."""

from __future__ import annotations

from typing import Any

from support.application.site import Site
from support.people.accounts import Person, bare
from support.people.communities import Cast

PATH = "/api/shares"
PASSWORD = "launch at night"


def share(person: Person, **fields: Any) -> dict[str, Any]:
    """Create a link. Returns its id, token, url and filters."""
    answer = person.post(PATH, json={"name": "Traffic", **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def of_community(community: str, **filters: list[str]) -> dict[str, Any]:
    return {"filters": {"community": [community], **filters}}


def shared(site: Site, token: str, report: str = "summary", query: str = "", client: Any = None) -> Any:
    """Read a report through a share link, without an account."""
    return (client or bare(site)).get(f"{PATH}/{token}/reports/{report}?{query}")


def visits(site: Site, token: str, query: str = "", client: Any = None) -> int:
    answer = shared(site, token, "summary", query, client)
    assert answer.status_code == 200, answer.text
    visits: int = answer.json["visits"]
    return visits


def boss(cast: Cast) -> Person:
    return cast["site_admin"]
