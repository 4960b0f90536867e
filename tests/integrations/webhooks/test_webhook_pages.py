"""The webhook pages in the panel."""

import pytest
from support.people.accounts import sign_up
from support.people.admins import panel
from support.people.communities import found
from support.people.page_readers import Reader, words
from support.people.webhooks import HookedSite

from koyjabo.upkeep.retention.retention import Retention

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def reader(hooked: HookedSite) -> Reader:
    return panel(hooked.site)


def test_webhook_is_added_tried_and_its_answer_seen(hooked, receiver, reader):
    assert "Alerts and webhooks" in words(reader.get("/admin/connect"))
    refused = reader.send("/admin/connect/webhooks/new", 422, url="http://10.1.2.3/x", events=["total.set"])
    assert "This address is not public." in words(refused)
    made = reader.send("/admin/connect/webhooks/new", 200, url=receiver.url, events=["total.set", "recount.failed"])
    assert "whsec_" in made
    (row,) = hooked.site.rows("SELECT id, format, events FROM webhooks")
    path = f"/admin/connect/webhooks/{row[0]}"
    assert row[1:] == ("json", "recount.failed total.set")
    receiver.refuse(500, body=b"no such hook")
    reader.send(f"{path}/test")
    hooked.deliver(1)
    page = words(reader.get(path))
    assert "A test Pending" in page
    assert "Response: 500" in page
    assert "no such hook" in page
    hooked.site.time.pass_(seconds=10)
    hooked.deliver(2)
    assert "A test Delivered" in words(reader.get(path))
    assert "No deliveries" in words(reader.get(f"{path}?state=dead"))
    assert "Works" in words(reader.get("/admin/connect"))
    reader.send(f"{path}/deliveries/1/resend")
    hooked.deliver(3)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (["milestone.reached", "traffic.spike", "traffic.drop"], "Milestones · Unusual traffic"),
        (["milestone.reached", "traffic.spike", "total.set", "member.left"], "Milestones · +3 more"),
        (["total.set", "recount.failed"], "A recount finds a difference · +1 more"),
    ],
)
def test_connect_says_in_a_few_words_what_a_webhook_sends(hooked, reader, events, said):
    hooked.add(*events)
    row = reader.get("/admin/connect").partition('id="webhooks"')[2].partition("</li>")[0]
    assert words(row.partition("Nothing sent yet</span> · ")[2]).partition(" Change")[0] == said


def test_texts_of_receivers_and_admins_are_not_markup(hooked, receiver, reader):
    webhook = hooked.add(description=HOSTILE)
    receiver.refuse(500, body=HOSTILE.encode())
    hooked.happen()
    hooked.deliver(1)
    path = f"/admin/connect/webhooks/{webhook['id']}"
    for address, times in (("/admin/connect", 1), (path, 2), (f"{path}/change", 1)):
        page = reader.get(address)
        assert (page.count("<img src=x"), page.count("&lt;img src=x") >= times) == (0, True), address


def test_webhook_is_changed_turned_off_renewed_and_deleted(hooked, receiver, reader):
    webhook = hooked.add("total.set")
    path = f"/admin/connect/webhooks/{webhook['id']}"
    assert 'value="total.set" type="checkbox" checked' in reader.get(f"{path}/change")
    changes = {"url": receiver.url, "events": ["recount.failed"], "format": "ntfy", "description": "my phone"}
    reader.send(f"{path}/change", **changes)
    seen = hooked.get(webhook)
    assert (seen["events"], seen["format"], seen["description"]) == (["recount.failed"], "ntfy", "my phone")
    reader.send(f"{path}/switch", enabled="0")
    assert "Turned off" in words(reader.get(path))
    reader.send(f"{path}/switch", enabled="1")
    assert hooked.get(webhook)["enabled"]
    assert "whsec_" in reader.confirm(f"{path}/rotate", 200)
    reader.confirm(f"{path}/delete")
    assert hooked.site.rows("SELECT id FROM webhooks") == []


def test_webhook_of_a_community_gets_its_events_and_ends_with_it(hooked, receiver, reader):
    other, founder = hooked.add("total.set"), sign_up(hooked.site)
    community, fields = found(founder)["id"], {"url": receiver.url, "events": ["member.joined"]}
    assert "Community not found" in words(
        reader.send("/admin/connect/webhooks/new", 422, **fields, community="nowhere")
    )
    of_site = reader.send(
        "/admin/connect/webhooks/new", 422, **{**fields, "events": ["total.set"]}, community=community
    )
    assert "must be at least one type of community event" in words(of_site)
    assert "whsec_" in reader.send("/admin/connect/webhooks/new", 200, **fields, community=community)
    ((webhook,),) = hooked.site.rows("SELECT id FROM webhooks WHERE community_id = :id", id=community)
    path = f"/admin/connect/webhooks/{webhook}"
    assert "total.set" not in reader.get(f"{path}/change")
    reader.send(f"{path}/test")
    hooked.deliver(1)
    page = words(reader.get(path))
    assert "A test Delivered" in page
    assert "Community: Mirpur 10 Made by Rani, " in page
    assert founder.delete(f"/api/communities/{community}").status_code == 204
    assert hooked.site.rows("SELECT id FROM webhooks") == [(other["id"],)]
    hooked.site.services[Retention].sweep()
    assert hooked.site.rows("SELECT n FROM webhook_deliveries") == []


def test_new_webhook_shows_a_secret_only_if_its_format_is_signed(hooked, receiver, reader):
    fields = {"url": receiver.url, "events": ["total.set"], "format": "ntfy"}
    page = reader.send("/admin/connect/webhooks/new", 200, **fields)
    assert ("whsec_" in page, "Added. Send a test." in words(page)) == (False, True)
