"""REQUIRE_TWO_FACTOR: who has to have a second factor."""

from __future__ import annotations

from typing import Literal

Policy = Literal["none", "admins", "all"]


def requires(policy: Policy, is_admin: bool) -> bool:
    """`is_admin`: of the site."""
    return policy == "all" or (policy == "admins" and is_admin)
