"""The known facts about a visit, as one byte, and the values that reports read from it (specification: Reports)."""

UNMEASURED_VALUE = None
ATTENDED_VISIT_MS = 1_000
"""A visit of this length or more counts as attended."""

NOBODY, SOMEBODY = "none", "attended"
"""The values of `attended` for a shorter visit and for an attended one."""

MEASURED_FLAG, ATTENDED_FLAG, ACTED_FLAG, AUTOMATED_FLAG, OWN_FLAG = (1 << bit for bit in range(5))
FACT_CODES = range(1 << 5)


ARE_ATTENDED, ARE_MEASURED = (
    tuple(bool(code & flag) for code in FACT_CODES) for flag in (ATTENDED_FLAG, MEASURED_FLAG)
)

CHANGING_FACTS = frozenset({"attended", "evidence"})
"""The names of values that change while the page is open."""


def facts_of(attended_ms: int | None, acted: object, automated: object, own: object) -> int:
    """Return the byte. `attended_ms` is None if it was not measured."""
    length = 0 if attended_ms is None else MEASURED_FLAG + ATTENDED_FLAG * (attended_ms >= ATTENDED_VISIT_MS)
    return length + ACTED_FLAG * bool(acted) + AUTOMATED_FLAG * bool(automated) + OWN_FLAG * bool(own)


def _attended(code: int) -> str | None:
    if not ARE_MEASURED[code]:
        return UNMEASURED_VALUE
    return SOMEBODY if ARE_ATTENDED[code] else NOBODY


def _evidence(code: int) -> str | None:
    if code & AUTOMATED_FLAG:
        return "automated"
    if code & ACTED_FLAG:
        return "acted"
    if ARE_ATTENDED[code]:
        return "stayed"
    return "none" if ARE_MEASURED[code] else UNMEASURED_VALUE


FACT_VALUES = {
    "attended": tuple(map(_attended, FACT_CODES)),
    "evidence": tuple(map(_evidence, FACT_CODES)),
    "own": tuple("own" if code & OWN_FLAG else "others" for code in FACT_CODES),
}
"""The values that reports read, by name and then by the byte."""
