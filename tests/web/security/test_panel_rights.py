"""Whatever the panel does, the domain does it for admins of the site alone."""

from __future__ import annotations

from contextlib import suppress

from support.app_fixtures import Site
from support.community_calls import Cast, account_of

from koyjabo.errors import Forbidden
from koyjabo.identity import Account
from koyjabo.visit_log.visit_log import Filter

FOR_ADMINS = {
    "audit": lambda s, account, id: s.audit.page(account),
    "all communities": lambda s, account, id: s.communities.directory.all(account),
    "a community": lambda s, account, id: s.communities.directory.overview(account, id),
    "archive": lambda s, account, id: s.communities.directory.archive(account, id),
    "restore": lambda s, account, id: s.communities.directory.restore(account, id),
    "users": lambda s, account, id: s.accounts.users.page(account),
    "a user": lambda s, account, id: s.accounts.users.get(account, account.id),
    "their communities": lambda s, account, id: s.accounts.users.communities_of(account, account.id),
    "give a role": lambda s, account, id: s.accounts.users.set_role(account, account.id, "admin"),
    "members": lambda s, account, id: s.communities.directory.listed_members(account, id, 0, 20),
    "disable": lambda s, account, id: s.accounts.users.disable(account, "3f2b8c1e-0000-4000-8000-000000000000"),
    "enable": lambda s, account, id: s.accounts.users.disable(account, account.id, disabled=False),
    "log out": lambda s, account, id: s.accounts.users.log_out(account, account.id),
    "visits": lambda s, account, id: s.visit_log.log.page(account, Filter()),
    "export": lambda s, account, id: s.visit_log.log.export(account, Filter(), "csv"),
    "health": lambda s, account, id: s.maintenance.health.report(account, False),
    "system": lambda s, account, id: s.maintenance.system.facts(account),
    "data": lambda s, account, id: s.maintenance.system.data(account),
    "erasure": lambda s, account, id: s.maintenance.erasure.begin(account, "ayesha"),
    "recount": lambda s, account, id: s.maintenance.recounts.begin(account),
    "last recount": lambda s, account, id: s.maintenance.recounts.state(account),
    "total": lambda s, account, id: s.maintenance.total.set_total(account, 10**6, ""),
}


FOR_VIEWERS = {
    *("audit", "all communities", "a community", "members", "users", "a user", "their communities", "visits"),
    *("system", "health", "data", "last recount"),
}


def test_viewers_of_the_site_may_look_and_no_more(site, cast: Cast):
    viewer = account_of(cast["outsider"])._replace(is_viewer=True)
    assert done_by(site, viewer, cast.kept_community()) == FOR_VIEWERS


def test_only_admins_of_the_site_may_do_what_the_panel_does(site, cast: Cast):
    """An admin of the community may do nothing of it."""
    assert done_by(site, account_of(cast["admin"]), cast.kept_community()) == set()


def done_by(site: Site, account: Account, community: str) -> set[str]:
    """What `account` is let do, without having changed a row."""
    done = set()
    before = site.contents(), site.rows("SELECT count(*) FROM audit_log")
    for name, do in FOR_ADMINS.items():
        with suppress(Forbidden):
            do(site.services, account, community)
            done.add(name)
    assert (site.contents(), site.rows("SELECT count(*) FROM audit_log")) == before
    return done
