"""Hypothesis strategies for client messages, valid and nearly valid."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from koyjabo.realtime.strict_packets import RESERVED

NAMES = ("ping", "request_count", "join", "leave", "message", "error", "visitor_update", "")
NAMESPACES = ("", "", "", "/,", "/x,", "/?a=b,", "/\N{BENGALI LETTER KA},")

numbers = st.integers() | st.floats() | st.sampled_from([10**90, -(2**63) - 1, float("inf")])
words = st.sampled_from(NAMES) | st.text(max_size=20) | st.sampled_from(["\0", "\ud800", "🛺" * 50, "__proto__"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(words, some, max_size=3),
    max_leaves=6,
)
texts = (
    st.fixed_dictionaries({"type": st.sampled_from(["ping", "ping", "request_count"]) | words | values}).map(json.dumps)
    | values.map(json.dumps)
    | st.text(max_size=50)
    | st.sampled_from(
        ['{"type": "ping"', '{"type": "ping"}}', "[" * 2000, "\ufeff{}", '{"type":"x","type":"ping"}', "0" * 4096]
    )
)


def rooms(community: str, token: str) -> st.SearchStrategy[Any]:
    """Arguments of `join`, `leave` and `request_count`."""
    return st.fixed_dictionaries(
        {
            "room": st.sampled_from(["visitors", "visitors", "visitor_dashboard"]) | values,
            "communityId": st.sampled_from([community, community, community.upper()]) | values,
        },
        optional={"token": st.just(token) | words | values},
    )


def events(arguments: st.SearchStrategy[Any], reserved: bool = False) -> st.SearchStrategy[list[Any]]:
    """Name and arguments of a Socket.IO event."""
    names = st.sampled_from([*NAMES, *sorted(RESERVED)]) | st.text(max_size=10)
    names = names if reserved else names.filter(lambda name: name not in RESERVED)
    return st.builds(lambda name, arguments: [name, *arguments], names, st.lists(arguments, max_size=2))


@st.composite
def packets(draw: st.DrawFn, arguments: st.SearchStrategy[Any]) -> list[str | bytes]:
    """A Socket.IO packet and its attachments, valid or with one mistake."""
    kind = draw(st.sampled_from("222225503614") | st.sampled_from("0123456789"))
    attachments = draw(st.lists(st.binary(max_size=10), max_size=2)) if kind in "56" else []
    announced = draw(st.sampled_from([len(attachments)] * 3 + [0, 1, 11, 10**12]))
    places = [{"_placeholder": True, "num": draw(st.integers(-1, 2))} for _ in attachments]
    payload: Any = [*draw(events(arguments, reserved=True)), *places] if kind in "25" else draw(values)
    text = "".join((
        f"4{kind}",
        f"{announced}-" if kind in "56" else "",
        draw(st.sampled_from(NAMESPACES)),
        draw(st.sampled_from(["", "", "7", "007", "9" * 30])),
        "" if kind in "014" and draw(st.booleans()) else json.dumps(payload),
    ))  # fmt: skip
    if draw(st.sampled_from([False] * 5 + [True])):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    return [text, *attachments[: draw(st.sampled_from([2, 2, 2, 1, 0]))]]
