"""The table of events in docs/webhooks.md has every type, with the fields of its events."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from koyjabo.integrations.webhooks.messages import EVENT_TYPES, OF_COMMUNITIES, Occurrence, message

ROW = re.compile(r"^\| `(\w+\.?\w*)` \| .+ \| `(\{.*\})` \|$", re.MULTILINE)


@cache
def text() -> str:
    return (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text()


@cache
def examples() -> dict[str, Any]:
    return {type: json.loads(data) for type, data in ROW.findall(text())}


def assert_as_documented(type: str, data: dict[str, Any]) -> None:
    """Assert that an event has the fields of its example, including nested ones. A person may have an external id
    instead of an id.
    """
    assert shape(data) == shape(examples()[type])


def shape(value: Any) -> Any:
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, dict):
        return {"id" if name == "ref" else name: name == "levels" or shape(item) for name, item in value.items()}
    return None


def test_every_type_has_an_example():
    assert {*examples()} == {*EVENT_TYPES}


def test_types_of_communities_are_those_that_the_document_names():
    sentence = text().partition("A webhook for one community may have seven:")[2].partition(".\n")[0]
    assert tuple(re.findall("`(.+?)`", sentence)) == OF_COMMUNITIES


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("milestone.reached", "Night bus has reached 10,000 visits."),
        ("traffic.spike", "130 visits in 10 minutes; usually 4."),
        ("traffic.drop", "0 visits in 30 minutes; usually 360."),
        ("health.changed", "disk: green → amber"),
        ("recount.failed", "A recount found figures that differ from the visits."),
    ],
)
def test_numbers_and_levels_read_as_on_pages(type, text):
    assert message(Occurrence(type, 0, "site", "Night bus", examples()[type])).text == text
