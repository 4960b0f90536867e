"""Domain names of Unicode's tests for UTS 46, and what the product makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from support.assertions.agreement import Agreement
from support.programs.processes import ROOT

from koyjabo.base.core.domains import ascii_domain
from koyjabo.base.core.urls import ascii_host

FILE = ROOT / "node_modules/idna-uts46/test/IdnaTest.txt"
ESCAPE = re.compile(r"\\u([0-9A-F]{4})|\\x\{([0-9A-F]+)\}")
TRANSITIONAL, ERROR = "T", "["

VALID, INVALID, HOST = "domain of an email", "domain of no email", "host of a referrer"
"""What is judged. A referrer's host is never refused, because a browser has opened it."""


class Case(NamedTuple):
    name: str
    expected: str
    """The name in ASCII; "" if it is not valid."""

    note: str
    """NV8 or XV8 if UTS 46 allows the name and IDNA 2008 does not, as for symbols."""


@cache
def cases() -> list[Case]:
    """The cases without the transitional step. Invalid names in ASCII are left out, because the product does not check
    such names.
    """
    lines = (line.partition("#")[0].split(";") for line in FILE.read_text().splitlines())
    fields = ([field.strip() for field in line] for line in lines if len(line) > 1)
    read = [_case(*line[1:4], "".join(line[4:])) for line in fields if line[0] != TRANSITIONAL]
    return [case for case in read if case.expected or not case.name.isascii()]


def agreements() -> Iterator[Agreement]:
    valid, invalid = ([case for case in cases() if bool(case.expected) == is_valid] for is_valid in (True, False))
    yield Agreement.of(VALID, FILE.name, ((case.name, _as_email(case)) for case in valid))
    yield Agreement.of(INVALID, FILE.name, ((case.name, _as_email(case)) for case in invalid))
    yield Agreement.of(HOST, FILE.name, ((case.name, _as_host(case)) for case in valid))


def _case(source: str, shown: str, ascii_name: str, note: str) -> Case:
    expected = ascii_name or shown or source
    return Case(_text(source), "" if expected.startswith(ERROR) else _text(expected), note)


def _text(field: str) -> str:
    text = ESCAPE.sub(lambda escape: chr(int(escape[1] or escape[2], 16)), field)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins surrogates


def _as_email(case: Case) -> str:
    try:
        name = ascii_domain(case.name)
    except ValueError:
        return "is refused" if case.expected and not case.note else ""
    return "" if name == case.expected else "is another" if case.expected else "is accepted"


def _as_host(case: Case) -> str:
    return "" if ascii_host(case.name) == case.expected else f"is another {case.note}".strip()
