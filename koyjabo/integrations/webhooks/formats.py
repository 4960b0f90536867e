"""The body of a delivery: JSON for programs, or text for people in Slack, Discord, Telegram or ntfy."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.header import Header
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from koyjabo.base.core.clock import iso
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import SITE
from koyjabo.integrations.webhooks.messages import Message, Occurrence, message

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
