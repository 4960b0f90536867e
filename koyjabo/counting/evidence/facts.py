"""The known facts about a visit, as one byte, and the values of the dimensions that are read from this byte
(specification: Reports).
"""

from bisect import bisect_right

from koyjabo.base.network import address_owners

NOT_MEASURED = None
LENGTHS_MS = (1_000, 10_000, 60_000, 300_000)
LENGTHS = (NOT_MEASURED, "none", "<10s", "<1m", "<5m", "5m+")
"""The values of `attended`, by the lowest three bits."""

ATTENDED_MS = LENGTHS_MS[0]
"""A visit of this length or more counts as attended."""

NOBODY, ATTENDED_LENGTHS = "none", frozenset(filter(None, LENGTHS[2:]))
"""The value for a shorter visit, and the values for attended visits."""

NETWORKS = (None, *address_owners.NETWORKS)
ACTED, AUTOMATED, OWN = 1 << 3, 1 << 4, 1 << 7
NETWORK_SHIFT = 5

CODES = range(256)


def facts_of(attended_ms: int | None, acted: object, automated: object, network: str | None, own: object) -> int:
    """Return the byte. `attended_ms` is None if it was not measured."""
    length = 0 if attended_ms is None else 1 + bisect_right(LENGTHS_MS, attended_ms)
    flags = ACTED * bool(acted) + AUTOMATED * bool(automated) + OWN * bool(own)
    return length + flags + (NETWORKS.index(network) << NETWORK_SHIFT)


ARE_ATTENDED, ARE_MEASURED = (tuple(code & 7 > least for code in CODES) for least in (1, 0))


def _evidence(code: int) -> str | None:
    if code & AUTOMATED:
        return "automated"
    if code & ACTED:
        return "acted"
    if ARE_ATTENDED[code]:
        return "stayed"
    return "none" if ARE_MEASURED[code] else NOT_MEASURED


_LENGTH_OF, _NETWORK_OF = dict(enumerate(LENGTHS)), dict(enumerate(NETWORKS))

VALUES = {
    "attended": tuple(_LENGTH_OF.get(code & 7) for code in CODES),
    "evidence": tuple(map(_evidence, CODES)),
    "network": tuple(_NETWORK_OF.get(code >> NETWORK_SHIFT & 3) for code in CODES),
    "own": tuple("own" if code & OWN else "others" for code in CODES),
}
"""The values of all dimensions, by name and then by the byte."""

CHANGING = frozenset({"attended", "evidence"})
"""The dimensions whose value changes while the page is open."""
