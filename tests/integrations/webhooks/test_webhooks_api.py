"""/api/webhooks: permissions, input, and what remains after deletion."""

import json

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import sign_up
from support.people.api_keys import call, key
from support.people.communities import Cast
from support.people.webhooks import PATH, HookedSite
from support.servers.mailbox import Mailbox
from support.servers.webhook_receiver import LOOPBACK

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.services import PresenceServices
from koyjabo.upkeep.retention.retention import Retention

PUBLIC = "https://93.184.215.14/hook"
NEW = {"url": PUBLIC, "events": ["milestone.reached"]}
ROWS = ("webhooks", "webhook_events", "webhook_deliveries")


@pytest.fixture
def cast(site) -> Cast:
    return Cast(site)


def ids(answer) -> list[str]:
    return [webhook["id"] for webhook in answer.json["webhooks"]]


def test_only_site_admins_manage_webhooks_even_for_a_community(site, cast):
    """Therefore other users cannot store webhook rows."""
    here, boss, admin = cast.community(), cast["site_admin"], cast["admin"]
    own = {**NEW, "events": ["member.joined"], "community": here}
    admin_calls = [admin.post(PATH, json=own), admin.post(PATH, json={}), admin.get(f"{PATH}?community={here}")]
    members = site.services[PresenceServices].members
    members.connect(here, admin.id, "1")
    assert [site.rows(f"SELECT * FROM {table}") for table in ROWS] == [[]] * len(ROWS)
    site_wide, made = (boss.post(PATH, json=body).json["id"] for body in (NEW, own))
    where = f"{PATH}/{made}"
    admin_calls += [admin.get(where), admin.patch(where, json={"enabled": False}), admin.delete(where)]
    admin_calls += [admin.post(f"{where}/{call}", json={}) for call in ("test", "rotate")]
    admin_calls += [admin.get(f"{where}/deliveries"), admin.post(f"{where}/deliveries/1/resend")]
    for answer in [*admin_calls, admin.get(f"{PATH}/{here}")]:
        assert_error(answer, 403, "forbidden")
    assert set(ids(boss.get(PATH))) == {site_wide, made}
    assert ids(boss.get(f"{PATH}?community={here}")) == [made]
    of_site = {**own, "events": ["total.set"]}
    assert_error(boss.post(PATH, json=of_site), 400, "invalid_input", "events")
    assert call(site, key(boss, "stats:read"), PATH).json["code"] == "scope_missing"
    assert_error(boss.get(f"{PATH}/{here}"), 404, "unknown_webhook")


INSIDE = (
    *("http://93.184.215.14/hook", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://10.0.0.1/"),
    *("https://[::ffff:10.0.0.1]/", "https://0x7f.1/", "https://user:x@93.184.215.14/", "ftp://93.184.215.14/"),
    "https://",
)
"""Refused in production."""


def test_address_inside_is_refused_with_the_reason(cast):
    boss = cast["site_admin"]
    made = boss.post(PATH, json=NEW).json
    for url in INSIDE:
        assert_error(boss.post(PATH, json={**NEW, "url": url}), 400, "url_refused", "url")
        assert_error(boss.patch(f"{PATH}/{made['id']}", json={"url": url}), 400, "url_refused", "url")


def test_setting_opens_a_network_for_webhooks(sqlite_database):
    with Site(sqlite_database.url, WEBHOOK_ALLOW="10.0.0.0/8") as site:
        boss = Cast(site)["site_admin"]
        assert boss.post(PATH, json={**NEW, "url": "https://10.1.2.3/"}).status_code == 201
        assert boss.post(PATH, json={**NEW, "url": "https://127.0.0.1/"}).status_code == 400


def test_changed_fields_are_in_the_audit_log(site, cast):
    boss = cast["site_admin"]
    where = f"{PATH}/{boss.post(PATH, json=NEW).json['id']}"
    for change in ({"description": "x", "events": ["total.set"]}, {"enabled": False}, {"url": f"{PUBLIC}/a-token"}):
        assert boss.patch(where, json=change).status_code == 200
    details = site.rows("SELECT details FROM audit_log WHERE action = 'webhook.change' ORDER BY id")
    changed = [json.loads(line)["changed"] for (line,) in details]
    assert changed == [["types", "description"], ["enabled"], ["url"]]
    assert "a-token" not in str(details)


def test_email_to_admins_about_a_disabled_webhook_hides_its_url(sqlite_database, receiver):
    mailbox = Mailbox().start()
    settings = {**mailbox.settings(), "ENVIRONMENT": "development", "WEBHOOK_ALLOW": LOOPBACK}
    with Site(sqlite_database.url, **settings) as site:
        hooked, ayesha = HookedSite(site, receiver), sign_up(site, "ayesha")
        site.rows("UPDATE users SET verified_ms = 1 WHERE id = :id", id=ayesha.id)
        hooked.add(url=f"{receiver.url}?token=abc")
        hooked.happen()
        receiver.refuse(410)
        hooked.deliver(1)
        site.services[MailOutbox].send_all()
        mail = mailbox.wait_for("boss@example.com", "A webhook was turned off")
        text = mail.get_body(("plain",)).get_content()
        assert "127.0.0.1" in text
        assert "abc" not in str(mailbox.mails)
        assert all("webhook" not in mail["Subject"] for mail in mailbox.to("ayesha@example.com"))
    mailbox.stop()


def test_night_removes_old_deliveries_and_events_but_milestones(hooked, receiver):
    hooked.add("milestone.reached", "total.set")
    hooked.happen("m", "milestone.reached", milestone=100, epoch="x")
    hooked.happen("t")
    hooked.deliver(2)
    hooked.site.time.pass_(days=29)
    retention = hooked.site.services[Retention]
    retention.sweep()
    assert len(hooked.site.rows("SELECT n FROM webhook_deliveries")) == 2
    hooked.site.time.pass_(days=2)
    retention.sweep()
    assert hooked.site.rows("SELECT n FROM webhook_deliveries") == []
    assert hooked.site.rows("SELECT type FROM webhook_events") == [("milestone.reached",)]


def test_secret_of_another_server_sends_nothing_and_says_so(hooked, receiver):
    webhook = hooked.add()
    hooked.site.rows("UPDATE webhooks SET secret = :other", other="AAAA" * 12)
    hooked.happen()
    hooked.deliver(0)
    assert hooked.deliveries(webhook)[0]["last_status"] == "secret"


def test_database_that_is_away_delays_and_loses_nothing(hooked, receiver, monkeypatch):
    hooked.add()
    hooked.happen()
    sender = hooked.services.sender

    def away(*_args: object, **_kwargs: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(sender._database, "write", away)
    hooked.deliver(0)
    monkeypatch.undo()
    hooked.deliver(1)


def test_addresses_are_checked_again_at_each_attempt(hooked, receiver):
    """The name may resolve to another address by then (`outbound` tests which address is dialled)."""
    webhook = hooked.add()
    hooked.site.rows("UPDATE webhooks SET url = 'http://10.1.2.3/'")
    hooked.happen()
    hooked.deliver(0)
    assert hooked.deliveries(webhook)[0]["last_status"] == "refused"
