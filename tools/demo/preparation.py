"""Prepares the database for the demo: writes missing past visits and communities."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

from demo import cast, history
from demo.backdated import Backdated
from demo.founding import Founding
from demo.site import Refusal, Site
from demo.stage import logged_in
from demo.target_site import CannotRun
from koyjabo.base.core.errors import EmailTaken
from koyjabo.base.settings.schema import Settings

UNAUTHORIZED = 401
NO_PAST = "The database already has visits, so no past visits are written: the ledger is in chronological order."
OTHER_PASSWORDS = (
    "The members of an earlier demo have other passwords, because SECRET_KEY has changed. Use the earlier SECRET_KEY, "
    "or another database."
)

Report = Callable[[str], None]


def prepare(settings: Settings, site: Site, days: int, report: Report) -> dict[str, str]:
    """Write what is missing, with at most `days` of past visits. Returns the ids of the communities by name.

    Raises CannotRun, Refusal, OSError, HTTPException, ValueError, LedgerUnavailable.
    """
    password = cast.password(settings.secret_key)
    with closing(Backdated(settings.database, settings.zone)) as backdated:
        is_new = backdated.count() == 0
        if not is_new:
            report(NO_PAST)
        if not _has_members(site, password):
            _write(backdated, settings, password, days if is_new else 0, report)
    with logged_in(site, cast.GUIDE, password) as guide:
        communities = site.call("GET", "/api/communities?per_page=100", visitor=guide)
    return {community["name"]: community["id"] for community in communities}


def _has_members(site: Site, password: str) -> bool:
    try:
        with logged_in(site, cast.GUIDE, password):
            return True
    except Refusal as refusal:
        if refusal.status != UNAUTHORIZED:
            raise
        return False


def _write(backdated: Backdated, settings: Settings, password: str, days: int, report: Report) -> None:
    """Write visits, accounts and communities. If `days` is 0, no visits are written."""
    now = datetime.now(settings.zone) - timedelta(minutes=1)
    founding = Founding(backdated, password, history.ms(history.begins(now, days) if days else now), history.ms(now))
    try:
        if days:
            report(f"Writing {days} days of visits…")
            report(f"{history.write(backdated, founding, now, days):,} visits are in the ledger.")
        founding.advance(history.ms(now))
    except EmailTaken:
        raise CannotRun(OTHER_PASSWORDS) from None
