"""A site with a row in every table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from koyjabo.base.database import throttle
from koyjabo.base.models import Scope
from koyjabo.columns.blocks import block as blocks, block_queries, table_rows as log
from koyjabo.columns.columns import Columns
from koyjabo.counting.records import NewVisit, Receipt
from koyjabo.counting.visits import Visits
from koyjabo.presence.members.peaks import Peaks
from koyjabo.reports.engine.insights import Insights
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.communities import found, give, site_admin

DAY_MS = 86_400_000


def fill(site: Site, visits: int = 40) -> str:
    """Add two weeks of visits with a community, members, conversions and adjustments. Returns the community's id."""
    ayesha, karim = sign_up(site, "ayesha"), sign_up(site, "karim")
    site_admin(site)
    here = found(ayesha, name="Mirpur 10 ☂")["id"]
    give(ayesha, here, karim, "moderator")
    for number in range(visits):
        site.time.pass_(hours=9)
        register(site, number, here if number % 2 else "site")
    site.set_total(9000)
    register(site, visits, here, user_id=karim.id)
    sign_up(site, "nila", visitorId="v1")
    site.services[Peaks].record(Scope(here), 7)
    site.services[Peaks].write()
    site.services[Columns].catch_up()
    assert site.recount() == []
    return here


def register(site: Site, number: int, scope: str, **fields: Any) -> None:
    visit = NewVisit(
        f"v{number % 7}",
        f"visit-{number}",
        Scope(scope),
        "Dhaka, BD",
        site.time(),
        client_ms=number,
        referrer="https://example.com/a",
        user_agent="=cmd|'/c calc'!A0\n\"two\" lines, and 'more'" if number % 3 else "'quoted'",
        page=None if number % 5 else "/history",
        is_bot=number % 4 == 0,
        attended_ms=None if number % 3 == 0 else number * 1000,
        acted=number % 2 == 0,
        automated=number % 4 == 0,
        network=(None, "datacentre", "other")[number % 3],
        own=number % 5 == 0,
        **fields,
    )
    site.services[Visits].register(visit)


@contextmanager
def in_context(site: Site) -> Iterator[None]:
    with site.app.app_context():
        yield


def quiet(total: int, label: str) -> Any:
    """Ignore reported progress."""
    return nullcontext(lambda done: None)


def count_all(site: Site, visits: Iterable[NewVisit]) -> None:
    """Count visits at their own times, in the order of these times."""
    ordered = sorted(visits, key=lambda visit: visit.at_ms)
    outcomes = site.services[Visits].register_all(ordered)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes), outcomes


def rebuild(site: Site) -> None:
    """Read all visits again for reports, as after a repair."""
    site.services[Insights]._database.write(block_queries.remove_all_blocks)
    site.services[Columns].catch_up()


def use_small_pieces(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Let long work on the database have this many rows in a transaction."""
    for limit in ("FIRST_SIZE", "MIN_SIZE", "MAX_SIZE"):
        patch.setattr(throttle, limit, rows)


def use_small_blocks(patch: pytest.MonkeyPatch) -> None:
    """End blocks after eight rows, or four at the end of a day, and copy the rows of communities out of most."""
    for module, limit, rows in (
        (blocks, "MAX_BLOCK_ROWS", 8),
        (blocks, "MIN_BLOCK_ROWS", 4),
        (log, "MAX_BLOCK_ROWS", 8),
        (log, "ROWS_AT_ONCE", 5),
    ):
        patch.setattr(module, limit, rows)
    patch.setattr(blocks, "COPY_DIVISOR", 2)
    patch.setattr(block_queries, "START_BYTES", 40)
