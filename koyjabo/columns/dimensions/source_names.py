"""Names of sources: the label of a domain, and the domain that a campaign's name means (`data/source_names.json`)."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from koyjabo.base.core.urls import ascii_host, shown_host

DATA_FOLDER = Path(__file__).parent / "data"

HOST = re.compile(r"[\w.-]+")
BETWEEN_WORDS = re.compile(r"[\W_]+")


def value_of(text: str) -> str:
    """A source as reports spell it: a host in its own script, another text in lower case."""
    return shown_host(ascii_host(text)) if HOST.fullmatch(text) else text.lower()


def label(domain: str) -> str:
    """The name of a domain, or the domain if it has none. Other sources are their own label."""
    return _labels().get(domain, domain)


def domain_of(name: str) -> str | None:
    """The domain of a network, or another site, by one of its names. The name may be the beginning of the text, such as
    `fb_ads`, unless it is a common word or very short.
    """
    words = list(filter(None, BETWEEN_WORDS.split(name.lower())))
    if domain := _alone().get("".join(words)):
        return domain
    beginnings = ("".join(words[:count]) for count in range(len(words), 0, -1))
    return next((_names()[text] for text in beginnings if text in _names()), None)


def is_none(name: str) -> bool:
    """Whether a campaign's name says that there is no source, such as `(direct)`."""
    return name.lower() in _data()["none"]


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA_FOLDER / "source_names.json").read_text("utf-8"))
    return data


@cache
def _labels() -> dict[str, str]:
    """Ghost's names, and ours, which take precedence. Names of the parts of a network's site would be wrong."""
    listed = json.loads((DATA_FOLDER / "sources.json").read_text("utf-8"))["names"]
    parts = json.loads((DATA_FOLDER / "more_sources.json").read_text("utf-8"))["referral"]
    names = {domain: names[0] for domain, names in _data()["names"].items()}
    return {domain: name for domain, name in listed.items() if domain not in parts} | names


@cache
def _names() -> dict[str, str]:
    return _by_name(_data()["names"])


@cache
def _alone() -> dict[str, str]:
    return _by_name(_data()["alone"])


def _by_name(names: dict[str, list[str]]) -> dict[str, str]:
    return {"".join(BETWEEN_WORDS.split(name.lower())): domain for domain, its in names.items() for name in its}
