"""Converts fields of other programs' page views into fields of a visit."""

from __future__ import annotations

import re
from datetime import UTC

from koyjabo.core.sanitize import truncate, whole
from koyjabo.core.urls import page_path, without_query
from koyjabo.network import geolocation, user_agents
from koyjabo.network.campaigns import Campaign
from koyjabo.network.user_agents import DESKTOP, PHONE, UserAgent
from koyjabo.visit_log import import_file

ID = re.compile(r"[A-Za-z0-9_.:\-]{1,100}", re.ASCII)
"""Visit and visitor ids. With the program's name as a prefix, an id has at most 128 characters."""

DEVICES = {"mobile": PHONE, "desktop": DESKTOP, "laptop": DESKTOP}
BROWSERS = {
    "chrome": "Chrome",
    "chromium-webview": "Chrome WebView",
    "crios": "Chrome",
    "edge": "Edge",
    "edge-chromium": "Edge",
    "edge-ios": "Edge",
    "facebook": "Facebook",
    "firefox": "Firefox",
    "fxios": "Firefox",
    "instagram": "Instagram",
    "ios": "Safari",
    "ios-webview": "Safari UI WKWebView",
    "opera": "Opera",
    "opera-mini": "Opera Mini",
    "safari": "Safari",
    "samsung": "Samsung Internet",
    "yandexbrowser": "Yandex Browser",
}
"""Browser names in ua-parser, by their names in detect-browser, which Umami uses."""

SYSTEMS = {"Android OS": "Android", "Mac OS": "macOS", **user_agents.SYSTEMS}
VERSION = re.compile(r" (?:[\d._]+|XP|Vista|ME|CE|Server.*)$")


def agent(user_agent: str | None) -> str | None:
    return truncate(user_agent) if user_agent else None


def user_agent(browser: str | None, system: str | None, device: str | None = None) -> str | None:
    """A text such as "Chrome on Android (phone)", which reports treat like a user agent."""
    name, system = VERSION.sub("", browser or ""), VERSION.sub("", system or "")
    parsed = UserAgent(BROWSERS.get(name, name), SYSTEMS.get(system, system), DEVICES.get(device or "", device or ""))
    return user_agents.written(parsed) or None


def place(country: str | None, city: str | None = None) -> str | None:
    """A location such as "Dhaka, BD" or "Bangladesh"; None for an unknown code."""
    return whole(geolocation.named(country or "", " ".join((city or "").split()))) or None


def page(path: str | None) -> str | None:
    return page_path(path)


def referrer(address: str | None) -> str | None:
    kept = without_query(address)
    return truncate(kept) if kept else None


def campaign(query: str | None) -> str | None:
    return Campaign.read(query).written()


def moment(value: str | None) -> int:
    """Parse a time as ms since 1970. A time without an offset is UTC. Raises ValueError."""
    return import_file.moment(value, UTC)
