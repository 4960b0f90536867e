"""A site with visits on several days, and its visit log."""

from __future__ import annotations

from koyjabo.base.core.identity import Account
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.visits.queries import LoggedVisit
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.communities import account_of, found

DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"
DAYS = ("2025-12-14", "2025-12-15", "2025-12-16")


class Log:
    """Visits on several days, with different visitors, times, locations and communities."""

    def __init__(self, site: Site) -> None:
        self.site, self.visits = site, site.services[VisitList]
        self.ayesha = sign_up(site)
        site.rows("UPDATE users SET is_admin = true")
        self.admin: Account = account_of(self.ayesha)._replace(is_admin=True)
        self.hikers = found(self.ayesha, name="Hikers")["id"]
        for number, day in enumerate(DAYS):
            for hour in range(0, 24, 3):
                site.time.go_to(f"{day}T{hour:02}:00:00+06:00")
                here = self.hikers if hour % 2 else SITE
                self.visit(f"v{hour}", here, DHAKA if hour < 12 else SYLHET, visit_id=f"{number}-{hour}")
        self.everything = self.pages()

    def visit(self, visitor: str, scope: str = SITE, place: str = DHAKA, visit_id: str | None = None) -> int:
        visit = NewVisit(visitor, visit_id, Scope(scope), place, self.site.time(), user_agent="=cmd|'/c calc'!A0")
        return self.site.services[Visits].register(visit).ordinal

    def pages(self, count: int = 50, newest_first: bool = True, **which: str) -> list[LoggedVisit]:
        """All matching visits, collected page by page."""
        visits, name, cursor = [], "before" if newest_first else "after", None
        while True:
            cursors = {name: cursor, "newest_first": newest_first}
            page = self.visits.slice(self.admin, VisitFilter(**which), count=count, **cursors)
            visits += page.visits
            assert len(page.visits) <= count
            last, cursor = cursor, getattr(page, name)
            if cursor is None:
                return visits
            assert last is None or (cursor < last if newest_first else cursor > last)

    def export(self, **which: str) -> str:
        return "".join(self.visits.export(self.admin, VisitFilter(**which)))
