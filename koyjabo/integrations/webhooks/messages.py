"""The types of events that webhooks can subscribe to, and messages about events.

Messages are read on a phone or in a channel. They are in English, because the readers' language is not known. Community
names are treated as plain text, because users choose them.

The body of a delivery: JSON for programs, or text for people in Slack, Discord, Telegram or ntfy.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from email.header import Header
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from koyjabo.base.core.clock import iso
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.sanitize import DIRECTION_MARKS
from koyjabo.base.models import SITE

TEST = "test"
"""Type of a test event. It is only sent to the tested webhook, and needs no subscription."""

EVENT_TYPES = {
    "milestone.reached": N_("A total reaches a milestone"),
    "total.set": N_("An operator sets the total"),
    "traffic.spike": N_("Far more visits than usual"),
    "traffic.drop": N_("Far fewer visits than usual"),
    "conversion.made": N_("A visitor of a community becomes a user"),
    "community.occupied": N_("The first person comes online in an empty community"),
    "community.vacated": N_("The last person has left a community"),
    "member.joined": N_("A member comes online in a community"),
    "member.left": N_("A member is no longer online in a community"),
    "health.changed": N_("A Health check changes"),
    "recount.failed": N_("A recount finds a difference"),
    "ledger.rolled_back": N_("The database was rolled back"),
    "backup.verified": N_("A backup is verified"),
    "backup.failed": N_("A backup fails"),
}
"""All types with their descriptions, in the order used by the panel."""


class Topic(NamedTuple):
    """Types of events for people to choose together."""

    label: str
    hint: str
    types: tuple[str, ...]


TOPICS = {
    "milestones": Topic(N_("Milestones"), N_("A total reaches a milestone"), ("milestone.reached",)),
    "traffic": Topic(
        N_("Unusual traffic"), N_("Far more or far fewer visits than usual"), ("traffic.spike", "traffic.drop")
    ),
    "problems": Topic(
        N_("Server problems"),
        N_("A check changes, a backup or a recount fails, or visits are missing"),
        ("health.changed", "recount.failed", "ledger.rolled_back", "backup.failed"),
    ),
}


def summary(types: Sequence[str]) -> tuple[list[str], int]:
    """Labels for a webhook's types: of its topics, otherwise of the first type; and how many other types it has."""
    topics = [topic for topic in TOPICS.values() if set(types).issuperset(topic.types)]
    others = len(types) - sum(len(topic.types) for topic in topics)
    if topics:
        return [topic.label for topic in topics], others
    return [EVENT_TYPES.get(types[0], types[0])], others - 1


OF_COMMUNITIES = (
    "milestone.reached",
    "conversion.made",
    "community.occupied",
    "community.vacated",
    "member.joined",
    "member.left",
    "ledger.rolled_back",
)
"""Types that a community's webhook can receive. The other types concern the site."""

Data = Mapping[str, Any]

URGENT, USUAL, QUIET = 5, 3, 2
"""Priorities, with the values that ntfy uses."""


def types_for(community_id: str | None) -> tuple[str, ...]:
    """The types that this community's webhooks can subscribe to; all types for a webhook for the site."""
    return tuple(EVENT_TYPES) if community_id is None else OF_COMMUNITIES


class Occurrence(NamedTuple):
    """An event to send. `community` is its community's name; None for an event of the site or of a deleted
    community.
    """

    type: str
    at_ms: int
    scope: str
    community: str | None
    data: Data


class Message(NamedTuple):
    """A message for people. `path` is the page with details, below PUBLIC_URL. `tag` is ntfy's short code
    for an emoji.
    """

    title: str
    text: str
    path: str = ""
    priority: int = USUAL
    tag: str = "bell"


def message(event: Occurrence) -> Message:
    """The message. Missing fields are left out, because the event may come from an older version."""
    words = WORDS[event.type]
    if not isinstance(words, Message):
        return words(event.data)
    path = "/admin" if event.community is None else f"/admin/communities/{event.scope}"
    place = " ".join(DIRECTION_MARKS.sub("", event.community or "").split()) or "a community"
    if event.community is None and event.scope == SITE:
        place = "the site"
    values = {"place": place, "Place": place[:1].upper() + place[1:]}
    for name in FIGURES:
        values[name] = number(event.data.get(name))
    return words._replace(
        title=words.title.format_map(values), text=words.text.format_map(values), path=words.path or path
    )


def number(value: Any) -> str:
    """Format a number: `10,000`; "?" for anything else."""
    return f"{round(value):,}" if isinstance(value, int | float) else "?"


def _health(data: Data) -> Message:
    changes = [change for change in data.get("checks", ()) if isinstance(change, Mapping)]
    lines = [f"{change.get('check')}: {_level(change.get('from'))} → {_level(change.get('to'))}" for change in changes]
    is_red = any(_level(change.get("to")) == "red" for change in changes)
    text = "\n".join(lines) or "A check has changed."
    return Message("Health has changed", text, "/admin/server", *((URGENT, "rotating_light") if is_red else ()))


def _level(level: Any) -> str:
    """The colour that pages show for a level."""
    return {"good": "green", "warning": "amber", "danger": "red"}.get(str(level), "?")


def _recount(data: Data) -> Message:
    if data.get("error"):
        return Message("A recount failed", f"It could not be finished: {data['error']}", "/receipt", 4, "warning")
    text = "A recount found figures that differ from the visits."
    return Message("A recount found a difference", text, "/receipt", URGENT, "warning")


FIGURES = ("milestone", "from", "to", "visits", "usual", "count", "lost")
"""Numbers in events that WORDS contain."""

FEWER, MORE = "chart_with_downwards_trend", "chart_with_upwards_trend"
ONLINE = "People online: {count}."
COMPARED = "{visits} visits in %d minutes; usually {usual}."
WORDS: dict[str, Message | Callable[[Data], Message]] = {
    "milestone.reached": Message("{milestone} visits", "{Place} has reached {milestone} visits.", tag="tada"),
    "total.set": Message("The total was set", "The total was set from {from} to {to}.", "/receipt", tag="pencil2"),
    "traffic.spike": Message("Far more visits than usual", COMPARED % 10, priority=4, tag=MORE),
    "traffic.drop": Message("Far fewer visits than usual", COMPARED % 30, priority=4, tag=FEWER),
    "conversion.made": Message("A visitor has become a user", "In {place}.", tag="seedling"),
    "community.occupied": Message("Someone is in {place}", ONLINE, tag="wave"),
    "community.vacated": Message(
        "No one is in {place} any more", "The last person has left.", priority=QUIET, tag="zzz"
    ),
    "member.joined": Message("A member is online in {place}", ONLINE, priority=QUIET, tag="green_circle"),
    "member.left": Message("A member has left {place}", ONLINE, priority=QUIET, tag="door"),
    "health.changed": _health,
    "recount.failed": _recount,
    "ledger.rolled_back": Message(
        "The database was rolled back",
        "{Place}: the database was rolled back, and {lost} visits are missing. A new epoch has begun.",
        "/admin/server",
        URGENT,
        "rotating_light",
    ),
    "backup.verified": Message(
        "A backup is verified", "It was restored, and its figures match.", "/admin/data", QUIET, "lock"
    ),
    "backup.failed": Message(
        "A backup has failed", "See the Data page for the reason.", "/admin/data", URGENT, "warning"
    ),
    TEST: Message("A test", "This webhook works.", "/admin/connect", tag="white_check_mark"),
}
"""Messages by type of event, or functions that write them. Without a path, they lead to the site or the community."""


JSON, SLACK, DISCORD, TELEGRAM, NTFY = FORMATS = ("json", "slack", "discord", "telegram", "ntfy")

FORMAT_NAMES = {
    JSON: N_("JSON, for programs"),
    SLACK: N_("Slack"),
    DISCORD: N_("Discord"),
    TELEGRAM: N_("Telegram"),
    NTFY: N_("ntfy"),
}
HOSTS = {
    "hooks.slack.com": SLACK,
    "discord.com": DISCORD,
    "discordapp.com": DISCORD,
    "api.telegram.org": TELEGRAM,
    "ntfy.sh": NTFY,
}
NO_CHAT = N_("it should be https://api.telegram.org/bot…/sendMessage?chat_id=…")
NO_TOPIC = N_("it should have a topic, as in https://ntfy.sh/topic")

LONGEST_TEXT = 600
"""Maximum length of a message without its title, characters. Even if all of it is escaped, Discord accepts it (2,000
characters).
"""

MARKUP = str.maketrans({character: f"\\{character}" for character in "\\*_~`|>#[]()-"})
"""Escapes for characters that Discord reads as markup."""

ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
JSON_TYPE = {"Content-Type": "application/json"}


class Written(NamedTuple):
    headers: dict[str, str]
    body: bytes


def suggested(url: str) -> str:
    """The default format for a URL."""
    try:
        return HOSTS.get(urlsplit(url).hostname or "", JSON)
    except ValueError:
        return JSON


def problem(url: str, format: str) -> str | None:
    """Why a valid URL cannot have this format, or None."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    is_chat = parts.path.endswith("/sendMessage") and "chat_id" in query
    # With a parse_mode, Telegram would refuse texts that are not valid markup, such as names.
    if format == TELEGRAM and (not is_chat or "parse_mode" in query):
        return NO_CHAT
    return NO_TOPIC if format == NTFY and not parts.path.strip("/") else None


def write(format: str, url: str, event: Occurrence, public_url: str) -> Written:
    """Write the headers and body of a delivery. `public_url` is PUBLIC_URL, or "" for no links."""
    if format == JSON:
        place = {} if event.scope == SITE else {"community": event.scope}  # the webhook may belong to the site
        return _json({"type": event.type, "timestamp": iso(event.at_ms), "data": {**place, **event.data}})
    message_ = message(event)
    message_ = message_._replace(text=message_.text[:LONGEST_TEXT])
    return WRITERS[format](message_, public_url and public_url + message_.path, url)


def _slack(message_: Message, link: str, url: str) -> Written:
    text = f"*{message_.title.translate(ENTITIES)}*\n{message_.text.translate(ENTITIES)}"
    return _json({"text": f"{text}\n<{link}|Open>" if link else text})


def _discord(message_: Message, link: str, url: str) -> Written:
    text = f"**{message_.title.translate(MARKUP)}**\n{message_.text.translate(MARKUP)}"
    return _json({"content": _with(text, link and f"<{link}>"), "allowed_mentions": {"parse": []}})


def _telegram(message_: Message, link: str, url: str) -> Written:
    """The message for Telegram. The URL's parameters are repeated in the body, where all of Telegram's API servers
    accept them.
    """
    text = _with(f"{message_.title}\n{message_.text}", link)
    return _json({**dict(parse_qsl(urlsplit(url).query)), "text": text})


def _ntfy(message_: Message, link: str, url: str) -> Written:
    is_plain = message_.title.isascii() and message_.title.isprintable()
    title = message_.title if is_plain else Header(message_.title, "utf-8", maxlinelen=10_000).encode()
    headers = {"Title": title, "Priority": str(message_.priority), "Tags": message_.tag}
    return Written({**headers, **({"Click": link} if link else {})}, message_.text.encode())


def _with(text: str, link: str) -> str:
    return f"{text}\n{link}" if link else text


def _json(value: dict[str, Any]) -> Written:
    return Written(JSON_TYPE, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


WRITERS: dict[str, Callable[[Message, str, str], Written]] = {
    SLACK: _slack,
    DISCORD: _discord,
    TELEGRAM: _telegram,
    NTFY: _ntfy,
}
