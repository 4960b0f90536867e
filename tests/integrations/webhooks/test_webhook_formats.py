"""The format for each service, with every type of event."""

import json
from email.header import decode_header

import pytest

from koyjabo.integrations.webhooks import messages
from koyjabo.integrations.webhooks.messages import EVENT_TYPES, FORMATS, TEST, Occurrence

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
