"""The known facts about a visit, as one byte, and the values that reports read from it (specification: Reports)."""

NOT_MEASURED = None
ATTENDED_MS = 1_000
"""A visit of this length or more counts as attended."""

NOBODY, SOMEBODY = "none", "attended"
"""The values of `attended` for a shorter visit and for an attended one."""

MEASURED, ATTENDED, ACTED, AUTOMATED, OWN = (1 << bit for bit in range(5))
CODES = range(1 << 5)


def facts_of(attended_ms: int | None, acted: object, automated: object, own: object) -> int:
    """Return the byte. `attended_ms` is None if it was not measured."""
    length = 0 if attended_ms is None else MEASURED + ATTENDED * (attended_ms >= ATTENDED_MS)
    return length + ACTED * bool(acted) + AUTOMATED * bool(automated) + OWN * bool(own)


ARE_ATTENDED, ARE_MEASURED = (tuple(bool(code & flag) for code in CODES) for flag in (ATTENDED, MEASURED))


def _attended(code: int) -> str | None:
    if not ARE_MEASURED[code]:
        return NOT_MEASURED
    return SOMEBODY if ARE_ATTENDED[code] else NOBODY


def _evidence(code: int) -> str | None:
    if code & AUTOMATED:
        return "automated"
    if code & ACTED:
        return "acted"
    if ARE_ATTENDED[code]:
        return "stayed"
    return "none" if ARE_MEASURED[code] else NOT_MEASURED


VALUES = {
    "attended": tuple(map(_attended, CODES)),
    "evidence": tuple(map(_evidence, CODES)),
    "own": tuple("own" if code & OWN else "others" for code in CODES),
}
"""The values that reports read, by name and then by the byte."""

CHANGING = frozenset({"attended", "evidence"})
"""The names of values that change while the page is open."""
