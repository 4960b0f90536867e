"""Events about online members of communities: one for each change, and none without a subscriber."""

import json

from integrations.webhooks.test_webhook_events import HERE, assert_as_documented, subscribe
from support.application.site import Site
from support.people.accounts import PASSWORD, sign_up
from support.programs.processes import wait_until

from koyjabo.base.cluster.workers import Worker
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.integrations.webhooks.delivery_queries import WebhookFact, record_all
from koyjabo.integrations.webhooks.events import MemberEvents, WebhookEvents
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.services import PresenceServices

ALL = ("member.joined", "member.left", "community.occupied", "community.vacated")


def services(site: Site) -> tuple[WebhookEvents, MemberEvents, PresenceServices]:
    webhooks = site.services[WebhookServices]
    return webhooks.events, webhooks.member_events, site.services[PresenceServices]


def settle(*sites: Site) -> None:
    """Run everything that each worker does every second, and wait until the changes are written."""
    for site in sites:
        events, changes, presence = services(site)
        events.refresh()
        changes.tick()
        presence.members.refresh()
        wait_until(lambda site=site: not services(site)[1]._is_writing, "the changes are written")


def written(site: Site) -> list[tuple[str, dict]]:
    rows = site.rows("SELECT type, data FROM webhook_events ORDER BY at_ms, type, key")
    events = [(type, json.loads(data)) for type, data in rows]
    for type, data in events:
        assert_as_documented(type, data)
    return events


def test_online_events_contain_the_user_id_or_external_id(site):
    ayesha, karim = sign_up(site), sign_up(site, "karim")
    site.rows("UPDATE users SET external_ref = 'k-7' WHERE id = :id", id=karim.id)
    subscribe(site, *ALL)
    members = services(site)[2].members
    settle(site)
    for step in (members.connect, members.disconnect):
        for person in (ayesha.id, karim.id):
            site.time.pass_(milliseconds=1)
            step(HERE, person, "1")
    settle(site)
    at = site.time.ms
    site.time.pass_(seconds=3)
    settle(site)
    here = {"community": HERE}
    assert written(site) == [
        ("community.occupied", {**here, "count": 1, "revision": at - 3}),
        ("member.joined", {**here, "id": ayesha.id, "count": 1, "revision": at - 3}),
        ("member.joined", {**here, "ref": "k-7", "count": 2, "revision": at - 2}),
        ("member.left", {**here, "id": ayesha.id, "count": 1, "revision": at - 1}),
        ("member.left", {**here, "ref": "k-7", "count": 0, "revision": at}),
        ("community.vacated", {**here, "count": 0, "revision": at}),
    ]
    assert members.changes(HERE, 10) == []


def test_only_wanted_types_are_written_and_nothing_is_kept_where_none_is_wanted(site):
    members, ayesha = services(site)[2].members, sign_up(site).id
    settle(site)
    members.connect(HERE, "karim", "1")
    assert members.changes(HERE, 10) == []
    subscribe(site, "member.joined")
    settle(site)
    members.connect(HERE, ayesha, "1")
    members.disconnect(HERE, ayesha, "1")
    settle(site)
    assert [(type, data["id"]) for type, data in written(site)] == [("member.joined", ayesha)]
    assert members.changes(HERE, 10) == []


def test_changes_wait_for_the_database(site, monkeypatch):
    members, ayesha = services(site)[2].members, sign_up(site).id
    subscribe(site, "member.joined")
    settle(site)
    database = services(site)[1]._database

    def away(*_: object) -> None:
        raise LedgerUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", away)
        members.connect(HERE, ayesha, "1")
        settle(site)
        assert written(site) == []
    settle(site)
    settle(site)
    assert [type for type, _ in written(site)] == ["member.joined"]


def test_event_after_the_deletion_of_an_account_does_not_name_it(site):
    ayesha = sign_up(site)
    members = services(site)[2].members
    subscribe(site, *ALL)
    settle(site)
    members.connect(HERE, ayesha.id, "1")
    settle(site)
    assert ayesha.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
    members.disconnect(HERE, ayesha.id, "1")
    settle(site)
    stored = site.rows("SELECT type, key, data FROM webhook_events ORDER BY at_ms, type")
    assert [type for type, _, _ in stored].count("member.left") == 1
    assert ayesha.id not in str(stored)


def test_other_workers_check_recent_communities_when_a_worker_ends(site, monkeypatch):
    _, changes, presence = services(site)
    subscribe(site, "member.left")
    for scope, count in ((HERE, 2), ("empty", 0)):
        presence.arrivals.record(Scope(scope), Online(1, count))
    for scope, at_ms in (("recent", site.time.ms - 50_000), ("old", site.time.ms - 70_000)):
        fact = WebhookFact("member.joined", scope, Scope(scope), at_ms, "{}")
        changes._database.write(record_all, [fact])
    looked: list[str] = []
    monkeypatch.setattr(presence.members, "online", lambda scope: looked.append(scope))
    this = Worker("this", "", 0, 0, 0, None, {}, None)
    both = [this, this._replace(id="other")]
    for live, expected in (
        ([this], []),
        (both, []),
        (both, []),
        ([this], [HERE, "recent"]),
        ([this], [HERE, "recent"]),
    ):
        monkeypatch.setattr(changes._workers, "live", lambda live=live: live)
        changes.tick()
        assert sorted(looked) == expected
