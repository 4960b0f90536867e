"""User agents of real browsers and crawlers, and what the product reads from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml_rs  # device-detector needs it; PyYAML takes 60 times as long
from support.assertions.agreement import Agreement
from support.programs.processes import ROOT

from koyjabo.base.network.crawlers import is_bot
from koyjabo.base.network.user_agents import DESKTOP, PHONE, TABLET, parsed, written

DEVICES = {
    "mobile": PHONE,
    "smartphone": PHONE,
    "phablet": PHONE,
    "feature phone": PHONE,
    "tablet": TABLET,
    "desktop": DESKTOP,
}
"""Devices by their names in the corpora. Others, such as cars and televisions, have no name of their own here."""

NO_BROWSERS = ("bots", "clienthints", "feed_reader", "mediaplayer", "mobile_apps", "podcasting", "unknown")
"""Files of device-detector about crawlers, about programs that fetch feeds and files, and about other headers."""

BROWSER, STORED_BROWSER, CRAWLER = "browser is no crawler", "stored browser is no crawler", "crawler"
"""What is judged, next to devices. A text that replaces a user agent after 30 days is stored."""

LIBRARY = "http-library"

Sample = tuple[str, str]
"""A user agent and its device, or "" if it is another one."""


def browsers() -> dict[str, list[Sample]]:
    """User agents of browsers, each once, by corpus."""
    return {
        "user-agents": _devices(
            (entry["userAgent"], entry["deviceCategory"])
            for entry in json.loads((ROOT / "node_modules/user-agents/dist/user-agents.json").read_text())
        ),
        "fake-useragent": _devices(
            (entry["useragent"], entry["type"])
            for line in files("fake_useragent").joinpath("data/browsers.jsonl").read_text().splitlines()
            for entry in [json.loads(line)]
        ),
        "device-detector": _devices(
            (entry["user_agent"], entry["device"]["type"])
            for name, entries in _tests()
            if not name.startswith(NO_BROWSERS)
            for entry in entries
        ),
    }


def crawlers() -> dict[str, list[Sample]]:
    """User agents of crawlers, by corpus. HTTP libraries are none, because apps use them (decision 26)."""
    listed = json.loads(files("crawleruseragents").joinpath("crawler-user-agents.json").read_text())
    tests = dict(_tests())
    return {
        "device-detector": [(entry["user_agent"], "") for entry in tests["bots"]],
        "crawler-user-agents": [
            (instance, "") for crawler in listed if LIBRARY not in crawler["tags"] for instance in crawler["instances"]
        ],
    }


def agreements() -> Iterator[Agreement]:
    for corpus, samples in browsers().items():
        read = {agent: parsed(agent) for agent, _ in samples}
        stored = {written(its) for its in read.values()}
        yield Agreement.of(BROWSER, corpus, ((agent, _as_crawler(agent)) for agent in read))
        yield Agreement.of(STORED_BROWSER, corpus, ((text, _as_crawler(text)) for text in stored))
        for device in (PHONE, TABLET, DESKTOP):
            devices = ((agent, read[agent].device) for agent, its in samples if its == device)
            judged = ((agent, its if its != device else "") for agent, its in devices)
            yield Agreement.of(device, corpus, judged)
    for corpus, samples in crawlers().items():
        yield Agreement.of(CRAWLER, corpus, ((agent, _as_person(agent)) for agent, _ in samples))


def _as_crawler(user_agent: str) -> str:
    return "crawler" if is_bot(user_agent) else ""


def _as_person(user_agent: str) -> str:
    if is_bot(user_agent):
        return ""
    return "names a system" if parsed(user_agent).system else "unknown name"


def _devices(entries: Iterable[tuple[str, str]]) -> list[Sample]:
    return list({agent: (agent, DEVICES.get(device, "")) for agent, device in entries}.values())


@cache
def _tests() -> list[tuple[str, list[dict[str, Any]]]]:
    """The tests of Matomo's device-detector, by file."""
    folder = files("device_detector").joinpath("tests/fixtures/upstream")
    return [
        (file.name.removesuffix(".yml"), yaml_rs.loads(file.read_text()))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yml")
    ]
