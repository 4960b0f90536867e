"""A community may show its numbers to everybody. Those who look are not online."""

from __future__ import annotations

from support.community_calls import PATH, found, losses
from support.seats import seat_of

from koyjabo.errors import Forbidden


def test_it_is_off_until_an_admin_turns_it_on(site, cast):
    community = cast.community()
    path, realtime = f"{PATH}/{community}", f"{PATH}/{community}/visitors/realtime"
    assert cast["admin"].get(path).json["public_count"] is False
    assert cast.call("nobody", "GET", realtime).status_code == 401
    assert cast["moderator"].patch(path, json={"public_count": True}).status_code == 403
    assert cast["admin"].patch(path, json={"public_count": True}).json["public_count"] is True
    entries = "SELECT details FROM audit_log WHERE action = 'community.change' AND target_id = :id"
    (entry,) = site.rows(entries, id=community)
    assert '"public_count"' in entry[0]
    assert cast.call("nobody", "GET", realtime).json["current_online"] == 0
    assert cast["outsider"].get(realtime).status_code == 200
    for closed in (path, f"{path}/stats", f"{path}/visitors/online", f"{path}/members"):
        assert cast.call("nobody", "GET", closed).status_code == 401
    assert found(cast["admin"], public_count=True)["public_count"] is True
    before = losses(site)
    for is_public, lost in ((True, 0), (False, 1), (False, 1)):
        cast["admin"].patch(path, json={"public_count": is_public})
        assert losses(site) - before == lost, "every server checks those who look, once"


def test_one_who_becomes_a_watcher_while_rights_are_looked_up_stays_and_keeps_nobody_in(site, cast, monkeypatch):
    community, communities, told = cast.community(public_count=True), site.services.communities, []
    seat, revoked = (
        seat_of(site, cast["outsider"], community, told.append),
        seat_of(site, cast["outsider"], community, told.append),
    )
    revoked.is_checked = True
    recheck = communities.permissions.recheck

    def joined(accesses):
        monkeypatch.undo()
        problems = recheck(accesses)
        communities.rooms.join(seat)
        return problems

    monkeypatch.setattr(communities.permissions, "recheck", joined)
    assert communities.revocation._recheck([seat, revoked])
    assert [type(problem) for problem in told] == [Forbidden]
    assert (seat.is_taken, revoked.is_taken) == (True, False)
    communities.rooms.leave(seat)
