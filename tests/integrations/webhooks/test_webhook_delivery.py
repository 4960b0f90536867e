"""Deliveries: what is sent, its formats, when it is retried, and when not."""

import copy
import json
import threading
from email.header import decode_header
from itertools import pairwise

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from support.people.communities import Cast
from support.programs.processes import wait_until
from support.servers.odd_server import OddServer
from support.servers.webhook_receiver import WebhookReceiver

from koyjabo.integrations.webhooks import delivery_queries, messages
from koyjabo.integrations.webhooks.messages import EVENT_TYPES, FORMATS, TEST, Occurrence
from koyjabo.integrations.webhooks.sender import Sender

DAY_MS = 86_400_000


def test_event_arrives_signed_with_its_type_time_and_data(hooked, receiver):
    webhook = hooked.add("total.set")
    hooked.happen(**{"from": 5, "to": 7})
    hooked.happen("other", "recount.failed")
    (one,) = hooked.deliver(1)
    assert one.verified(webhook["secret"]) == one.json
    assert one.json.keys() == {"type", "timestamp", "data"}
    assert (one.json["type"], one.json["data"]) == ("total.set", {"from": 5, "to": 7})
    with pytest.raises(WebhookVerificationError):
        one.verified("whsec_" + "A" * 44)
    (delivery,) = hooked.deliveries(webhook)
    assert (delivery["id"], delivery["state"], delivery["attempts"]) == (one.id, "delivered", 1)
    assert delivery["last_status"] == "204"
    hooked.deliver(1)


def test_attempts_come_with_growing_pauses_under_one_id_until_the_delivery_is_dead(hooked, receiver):
    webhook = hooked.add()
    hooked.happen()
    receiver.refuse(500, times=99, body=b"no such hook")
    began, tried = hooked.site.time.ms, [0]
    hooked.deliver(1)
    while hooked.deliveries(webhook)[0]["state"] == "pending":
        (due,) = hooked.site.rows("SELECT next_ms FROM webhook_deliveries")
        hooked.site.time.ms = due[0] - 1
        hooked.deliver(len(tried))
        hooked.site.time.ms = due[0]
        tried.append(due[0] - began)
        hooked.deliver(len(tried))
    pauses_ms = [after - before for before, after in pairwise(tried)]
    expected_ms = [pause_s * 1000 for pause_s in (5, 300, 1800, 7200, 18_000, 36_000)]
    assert len(pauses_ms) == len(expected_ms)
    # In whole numbers, so that a pause at a limit is not outside by a rounding error.
    within = [8 * middle <= 10 * pause <= 12 * middle for pause, middle in zip(pauses_ms, expected_ms, strict=True)]
    assert all(within), pauses_ms
    assert len(set(receiver.ids)) == 1
    assert len({delivery.headers["webhook-timestamp"] for delivery in receiver.received}) == 7
    assert hooked.deliveries(webhook, "dead")[0]["last_status"] == "500"
    hooked.pass_pauses()
    hooked.deliver(7)


def test_only_2xx_is_success_and_no_redirect_is_followed(hooked, receiver):
    webhook = hooked.add()
    for status in (200, 299, 302, 400):
        receiver.refuse(status, Location=receiver.url)
        hooked.happen(str(status))
        hooked.tick()
    states = {delivery["last_status"]: delivery["state"] for delivery in hooked.deliveries(webhook)}
    assert states == {"200": "delivered", "299": "delivered", "302": "pending", "400": "pending"}
    assert len(receiver.received) == 4


def test_malformed_response_with_a_clear_status_is_an_answer(hooked, receiver):
    """Otherwise its receiver would get each event seven times, and be turned off."""
    malformed = OddServer(b"HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok")
    webhook = hooked.add(url=malformed.url)
    hooked.happen()
    hooked.tick()
    malformed.stop()
    (delivery,) = hooked.deliveries(webhook)
    assert (delivery["state"], delivery["last_status"], len(malformed.requests)) == ("delivered", "200", 1)


@pytest.mark.parametrize(("asked", "wait_s"), [("1200", 1200), ("7200", 3600)])
def test_retry_after_is_obeyed_up_to_an_hour(hooked, receiver, asked, wait_s):
    hooked.add()
    hooked.happen()
    receiver.refuse(503, Retry_After=asked)
    hooked.deliver(1)
    hooked.site.time.pass_(seconds=wait_s - 1)
    hooked.deliver(1)
    hooked.site.time.pass_(seconds=1)
    hooked.deliver(2)


def test_410_disables_a_webhook_until_a_patch_and_drops_its_deliveries(hooked, receiver):
    webhook = hooked.add()
    hooked.happen()
    receiver.refuse(410)
    hooked.deliver(1)
    seen = hooked.get(webhook)
    assert (seen["enabled"], seen["disabled_reason"]) == (False, "gone")
    hooked.happen("2")
    hooked.pass_pauses()
    hooked.deliver(1)
    assert [delivery["state"] for delivery in hooked.deliveries(webhook)] == ["dead"]
    assert hooked.post(webhook, "test").json["code"] == "webhook_disabled"
    assert hooked.call("PATCH", webhook, enabled=True).json["disabled_reason"] is None
    hooked.deliver(1)
    hooked.happen("3")
    hooked.deliver(2)


def test_three_days_of_failure_disable_and_a_success_starts_again(hooked, receiver):
    webhook = hooked.add()
    receiver.refuse(500)
    hooked.happen("1")
    hooked.deliver(1)
    began = hooked.site.time.ms
    hooked.site.time.pass_(days=1)
    hooked.deliver(2)
    assert hooked.get(webhook)["failing_since"] is None
    receiver.refuse(500, times=9)
    hooked.happen("2")
    hooked.deliver(3)
    hooked.site.time.ms = began + 3 * DAY_MS
    hooked.deliver(4)
    assert hooked.get(webhook)["enabled"], "it has failed for two days"
    hooked.site.time.pass_(days=1)
    hooked.deliver(5)
    assert (hooked.get(webhook)["enabled"], hooked.get(webhook)["disabled_reason"]) == (False, "failing")
    assert hooked.deliveries(webhook, "pending") == []


def test_both_secrets_sign_for_a_day_after_a_rotation(hooked, receiver):
    webhook = hooked.add()
    secret = hooked.post(webhook, "rotate").json["secret"]
    assert secret != webhook["secret"]
    hooked.happen("1")
    (one,) = hooked.deliver(1)
    assert one.verified(secret) == one.verified(webhook["secret"])
    hooked.site.rows("UPDATE webhooks SET old_until_ms = :now", now=hooked.site.time.ms)
    hooked.happen("2")
    hooked.tick()
    receiver.received[-1].verified(secret)
    with pytest.raises(WebhookVerificationError):
        receiver.received[-1].verified(webhook["secret"])


def test_delivery_is_sent_again_under_the_same_id(hooked, receiver):
    webhook = hooked.add("total.set", "recount.failed")
    hooked.happen("1")
    hooked.happen("2")
    hooked.happen("3", "health.changed")  # not subscribed, and so not stored
    first, second = [delivery.id for delivery in hooked.deliver(2)]
    n = {delivery["id"]: delivery["n"] for delivery in hooked.deliveries(webhook)}
    assert hooked.post(webhook, f"deliveries/{n[first]}/resend").status_code == 202
    hooked.deliver(3)
    assert receiver.ids == [first, second, first]
    assert hooked.post(webhook, "deliveries/99/resend").json["code"] == "unknown_delivery"


def test_test_event_is_sent_only_to_its_webhook(hooked, receiver):
    webhook, _other = hooked.add("recount.failed", description="the deploy bot"), hooked.add("total.set")
    assert hooked.post(webhook, "test").status_code == 202
    (one,) = hooked.deliver(1)
    assert (one.json["type"], one.json["data"]) == ("test", {"webhook": webhook["id"], "description": "the deploy bot"})
    one.verified(webhook["secret"])


def test_community_event_goes_to_webhooks_of_the_community_and_the_site(hooked, receiver):
    cast = Cast(hooked.site)
    here, there = cast.community(), cast.community()
    for community in (here, there, None):
        hooked.add("member.joined", community=community, description="")
    hooked.happen("joined", "member.joined", here, id="7", count=1)
    got = hooked.deliver(2)
    assert {delivery.json["data"]["community"] for delivery in got} == {here}
    assert got[0].id == got[1].id


def test_one_worker_sends_deliveries_and_another_takes_over_when_it_stops(hooked, receiver):
    services = hooked.services
    other, webhook = second_sender(services.sender), hooked.add()
    hooked.happen("1")
    hooked.deliver(1)
    assert hooked.post(webhook, "test").status_code == 202
    other.tick()
    other._send_all(webhook["id"])  # as a worker that was frozen and has lost the lease
    assert not other._tasks.busy
    assert len(receiver.received) == 1
    services.sender.close()
    other.tick()
    receiver.wait_for(2)


def test_attempt_that_ends_after_its_worker_has_left_keeps_no_other_from_sending(hooked, receiver, monkeypatch):
    sender = hooked.services.sender
    other, post = second_sender(sender), sender._urls.post
    hooked.add()

    def posted(*request):
        if not sender._is_closed:
            sender.close()
        return post(*request)

    monkeypatch.setattr(sender._urls, "post", posted)
    monkeypatch.setattr("koyjabo.integrations.webhooks.sender.UNMARKED", 1)
    hooked.happen("1")
    hooked.happen("2")
    hooked.deliver(1)
    other.tick()
    receiver.wait_for(2)


def second_sender(sender: Sender) -> Sender:
    """Another worker's sender."""
    other = Sender.__new__(Sender)
    tasks = copy.copy(sender._tasks)
    tasks.__dict__.update(worker="other", busy=set(), _is_used=False)
    other.__dict__.update(sender.__dict__, _tasks=tasks, _is_closed=False)
    return other


def test_attempt_whose_mark_is_lost_is_made_again_under_the_same_id(hooked, receiver, monkeypatch):
    """This happens with kill -9 between the attempt and its record."""
    webhook = hooked.add()
    hooked.happen()
    monkeypatch.setattr(hooked.services.sender, "_mark", lambda *_: delivery_queries.Marked(None, 0, None))
    hooked.deliver(1)
    monkeypatch.undo()
    hooked.deliver(2)
    assert len(set(receiver.ids)) == 1
    assert hooked.deliveries(webhook)[0]["state"] == "delivered"


@pytest.mark.parametrize("change", [{"enabled": False}, {"url": "new"}])
def test_batch_ends_when_its_webhook_is_changed(hooked, receiver, monkeypatch, change):
    webhook, old, post = hooked.add(), receiver.url, hooked.services.sender._urls.post
    urls: list[str] = []

    def posted(url, *rest):
        urls.append(url)
        if len(urls) == 1:
            hooked.call("PATCH", webhook, **{**change, **({"url": f"{old}new"} if "url" in change else {})})
        return post(url, *rest)

    monkeypatch.setattr(hooked.services.sender._urls, "post", posted)
    monkeypatch.setattr("koyjabo.integrations.webhooks.sender.UNMARKED", 1)
    for key in ("1", "2", "3"):
        hooked.happen(key)
    hooked.tick()
    assert urls == [old, *([f"{old}new"] * 2 if "url" in change else [])]


def test_unreadable_event_does_not_stop_later_events(hooked, receiver):
    webhook = hooked.add()
    hooked.happen("1")
    hooked.site.rows("UPDATE webhook_events SET data = '{'")
    hooked.happen("2")
    hooked.deliver(1)
    assert {delivery["last_status"] for delivery in hooked.deliveries(webhook)} == {"error", "204"}


def test_few_attempts_are_unmarked_at_a_time(hooked, receiver, monkeypatch):
    hooked.add()
    for number in range(35):
        hooked.happen(str(number))
    sizes, mark = [], hooked.services.sender._mark

    def watched(webhook_id, made):
        sizes.append(len(made))
        return mark(webhook_id, made)

    monkeypatch.setattr(hooked.services.sender, "_mark", watched)
    hooked.deliver(35)
    assert (sum(sizes), max(sizes)) == (35, 10)


def test_slow_endpoint_keeps_no_other_waiting(hooked, receiver):
    slow = WebhookReceiver()
    slow.go = threading.Event()
    tried = hooked.add()
    hooked.add(url=slow.url)
    for key in ("1", "2", "3"):
        hooked.happen(key)
    hooked.services.sender.tick()
    receiver.wait_for(3)
    slow.wait_for(1)
    wait_until(lambda: tried["id"] not in hooked.services.sender._tasks.busy, "its task has ended")
    hooked.services.sender.tick()
    hooked.post(tried, "test")
    hooked.services.sender.tick()
    receiver.wait_for(4)
    assert len(slow.received) == 1
    slow.go.set()
    slow.wait_for(3)
    slow.close()


PANEL = "https://live.example.com"
HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
TELEGRAM = "https://api.telegram.org/bot1:x/sendMessage?chat_id=-100&message_thread_id=7"


def occurrence(type: str = "milestone.reached", community: str | None = None, **data: object) -> Occurrence:
    return Occurrence(type, 1_765_860_518_412, HERE if community else "site", community, data)


def written(format: str, event: Occurrence, url: str = TELEGRAM) -> tuple[dict[str, str], str]:
    headers, body = messages.write(format, url, event, PANEL)
    return headers, body.decode()


@pytest.mark.parametrize("type", [*EVENT_TYPES, TEST])
def test_every_event_has_words_and_a_body_in_every_format(type):
    assert set(messages.WORDS) == {*EVENT_TYPES, TEST}
    for event in (occurrence(type), occurrence(type, "Mirpur 10", count=3)):
        for format in FORMATS:
            headers, body = written(format, event)
            assert len(body.encode()) < 20_000
            assert all("\n" not in value and value.isascii() for value in headers.values())
            assert format == "ntfy" or json.loads(body)
        text = messages.message(event)
        assert text.title
        assert text.text.endswith((".", "\n")) or type == "health.changed"


def test_programs_get_the_type_the_time_and_the_data_with_its_community():
    event = occurrence(milestone=10_000)
    assert json.loads(written("json", event)[1]) == {
        "type": "milestone.reached",
        "timestamp": "2025-12-16T04:48:38.412Z",
        "data": {"milestone": 10_000},
    }
    assert json.loads(written("json", occurrence(community="Mirpur 10", milestone=100))[1])["data"] == {
        "community": HERE,
        "milestone": 100,
    }


def test_people_read_what_happened_with_a_link_to_the_panel():
    event = occurrence(milestone=10_000)
    slack = json.loads(written("slack", event)[1])
    assert slack == {"text": f"*10,000 visits*\nThe site has reached 10,000 visits.\n<{PANEL}/admin|Open>"}
    discord = json.loads(written("discord", event)[1])
    assert discord["content"].startswith("**10,000 visits**\n")
    assert discord["allowed_mentions"] == {"parse": []}
    telegram = json.loads(written("telegram", event)[1])
    assert telegram == {
        **{"chat_id": "-100", "message_thread_id": "7"},
        "text": f"10,000 visits\nThe site has reached 10,000 visits.\n{PANEL}/admin",
    }
    headers, body = written("ntfy", event)
    assert (headers["Title"], headers["Priority"], headers["Click"]) == ("10,000 visits", "3", f"{PANEL}/admin")
    assert body == "The site has reached 10,000 visits."


def test_name_of_a_community_is_only_text():
    event = occurrence("community.occupied", "<!channel> @everyone **মিরপুর**\r\nTitle: x", count=1)
    assert "<!channel>" not in written("slack", event)[1]
    assert "**মিরপুর" not in json.loads(written("discord", event)[1])["content"].removeprefix("**")
    title = written("ntfy", event)[0]["Title"]
    assert "".join(part.decode(charset) for part, charset in decode_header(title)).endswith("মিরপুর** Title: x")


@pytest.mark.parametrize(
    ("url", "format"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        (TELEGRAM, "telegram"),
        ("https://ntfy.sh/koyjabo", "ntfy"),
        ("https://example.com/slack.com", "json"),
        ("https://[", "json"),
    ],
)
def test_format_depends_on_the_host(url, format):
    assert messages.suggested(url) == format


@pytest.mark.parametrize(
    ("url", "format"),
    [
        ("https://api.telegram.org/bot1:x/sendMessage", "telegram"),
        ("https://api.telegram.org/bot1:x/getMe?chat_id=1", "telegram"),
        (f"{TELEGRAM}&parse_mode=HTML", "telegram"),
        ("https://ntfy.sh/", "ntfy"),
    ],
)
def test_url_that_cannot_be_of_a_format_is_refused(url, format):
    assert messages.problem(url, format)
    assert messages.problem(url, "json") is None
