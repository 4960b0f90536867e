"""Users as site admins see and manage them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.people.accounts import Person, log_in, sign_up, try_login
from support.people.communities import account_of, losses as losses_of
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.errors import Forbidden, LastAdmin
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.audit import Audit

ME = "/api/auth/me"


@pytest.fixture
def ayesha(site, admin) -> Person:
    site.time.pass_(seconds=1)
    return sign_up(site)


def test_a_new_role_is_announced_only_if_rights_were_lost(site, admin, ayesha):
    users, revoked = site.services[AccountServices].users, []
    site.services.signals.access_revoked.connect(revoked.append, weak=False)
    began, losses = losses_of(site), []
    for role in ("viewer", "admin", "viewer", "member", "member"):
        user = users.set_role(admin, ayesha.id, role)
        assert (user.site_role, user.is_admin, user.is_viewer) == (role, role == "admin", role == "viewer")
        assert ayesha.get(ME).json["is_admin"] == (role == "admin")
        losses.append(losses_of(site) - began)
    assert (losses, set(revoked)) == ([0, 0, 1, 2, 2], {ayesha.id})
    lines = site.services[Audit].page(admin).lines
    actions = [(line.action, line.details) for line in lines if line.actor_id == admin.id]
    assert actions[1] == ("user.demote", {"role": "viewer", "before": "admin"})


def test_a_user_who_is_disabled_or_logged_out_has_no_session(site, admin, ayesha):
    users, other, began = site.services[AccountServices].users, log_in(site), losses_of(site)
    assert users.log_out(admin, ayesha.id).sessions == 0
    assert [person.get(ME).status_code for person in (ayesha, other)] == [401, 401]
    again = log_in(site)
    noted, line = losses_of(site), users.disable(admin, ayesha.id)
    assert (line.disabled_ms, line.sessions) == (site.time.ms, 0)
    assert began < noted < losses_of(site)
    assert (again.get(ME).status_code, try_login(site).status_code) == (401, 401)
    assert users.enable(admin, ayesha.id).disabled_ms is None
    assert try_login(site).status_code == 200


def test_the_last_active_admin_keeps_the_role(site, admin, ayesha):
    users = site.services[AccountServices].users
    with pytest.raises(LastAdmin):
        users.set_role(admin, admin.id, "member")
    users.set_role(admin, ayesha.id, "admin")
    with pytest.raises(Forbidden):
        users.disable(admin, admin.id.upper())  # an account cannot disable itself
    users.disable(admin, ayesha.id)
    with pytest.raises(LastAdmin):
        users.set_role(admin, admin.id, "member")
    with pytest.raises(LastAdmin):
        users.disable(account_of(ayesha)._replace(is_admin=True), admin.id)
    users.enable(admin, ayesha.id)
    assert users.set_role(admin, admin.id, "member").is_admin is False
    assert users.set_role(OPERATOR, ayesha.id, "member").is_admin is False, "the operator may do so to the last one"
    users.set_role(OPERATOR, ayesha.id, "admin")
    assert users.disable(OPERATOR, ayesha.id).disabled_ms is not None


def test_two_admins_who_demote_each_other_at_once_leave_one_admin(site, admin, ayesha):
    """The requests go to two servers, because a single server serialises changes anyway."""
    both, other = threading.Barrier(2), account_of(ayesha)._replace(is_admin=True)

    def demote(where: Site, by: Account, whom: str) -> type | None:
        both.wait(PATIENCE_S)
        try:
            where.services[AccountServices].users.set_role(by, whom, "member")
        except LastAdmin as problem:
            return type(problem)
        return None

    with Site(site.database_url) as another, ThreadPoolExecutor() as threads:
        for _ in range(5):
            site.rows("UPDATE users SET is_admin = true")
            calls = ((site, admin, ayesha.id), (another, other, admin.id))
            outcomes = [threads.submit(demote, *call) for call in calls]
            assert {outcome.result(PATIENCE_S) for outcome in outcomes} == {None, LastAdmin}
            assert site.rows("SELECT count(*) FROM users WHERE is_admin") == [(1,)]
