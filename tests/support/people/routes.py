"""The application's routes, for tests of all of them."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

from support.application.site import Site, everything
from support.people.admins import address
from support.people.communities import Cast

BY_LOOPBACK_OR_TOKEN = {"metrics.metrics"}
"""Routes without a role. They have their own tests."""

CREATED_WHEN_NEEDED = {"day_secrets"}
"""Tables that get rows from any request, also from a refused one."""

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def rules(site: Site) -> dict[str, Rule]:
    return {rule.endpoint: rule for rule in site.app.url_map.iter_rules() if rule.endpoint not in BY_LOOPBACK_OR_TOKEN}


def method_of(rule: Rule) -> str:
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method


def path_of(site: Site, cast: Cast, rule: Rule, community: str) -> str:
    of_nothing = ("session_id", "share_id", "key_id", "invitation_id")
    values = {
        **dict.fromkeys(of_nothing, "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"),
        "community_id": community,
        "user_id": cast["other"].id,
        "name": "failover" if rule.endpoint.startswith("docs.") else "counting/koyjabo.js",
        "version": "x",
        "file": "robots.txt",
        "token": "x" * 43,
        "ordinal": "1",
        "ref": "dhaka",
        "user_ref": "4711",
        "n": "1",
        "number": "1",
        "what": "cancel",
        "step": "page",
    }
    return address(site, rule, **values)


def stored(site: Site) -> dict[str, list[dict[str, Any]]]:
    """All rows that a request could change."""
    return {table: rows for table, rows in everything(site).items() if table not in CREATED_WHEN_NEEDED}
