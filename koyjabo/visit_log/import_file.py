"""Reads files of visits line by line, from `koyjabo export` or another counter.

The columns are named as in exports, or like the fields of POST /api/visitor/register. `visitor_id` and `at` are
required.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from koyjabo.core import spreadsheet
from koyjabo.core.file_lines import SupportsReadline
from koyjabo.core.identity import VISIT_NAME, VISITOR_ID, uuid_of
from koyjabo.core.sanitize import truncate
from koyjabo.core.urls import page_path, without_query
from koyjabo.counting.batch_plan import SENT
from koyjabo.counting.records import NewVisit
from koyjabo.models import SITE, Scope, Visit
from koyjabo.network import campaigns, languages, user_agents
from koyjabo.network.address_owners import NETWORKS
from koyjabo.network.campaigns import Campaign
from koyjabo.network.geolocation import UNKNOWN
from koyjabo.network.user_agents import UserAgent, is_bot
from koyjabo.reports.query.dimensions import BOT, CAMPAIGN
from koyjabo.visit_log.file_lines import BadLine, DecodedLines, Refuse, csv_records

ALIASES = {
    "visitorId": "visitor_id",
    "visitId": "visit_id",
    "communityId": "community_id",
    "userAgent": "user_agent",
    "timestamp": "client_ms",
}
STORED_VISIT_ID = re.compile(f"~?{VISIT_NAME.pattern}", re.ASCII)
STORED_VISITOR_ID = re.compile(f"~?{VISITOR_ID.pattern}", re.ASCII)
"""A visitor's id as stored. May begin with "~", which marks names that this program has generated."""

MILLISECONDS = re.compile("[0-9]{1,19}")
LONGEST_ID = 128
LONGEST_ATTENDED_MS = 30 * 86_400_000
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
EARLIEST_MS, LARGEST_INT64 = 0, 2**63 - 1

Values = dict[str, Any]


class ImportedLine(NamedTuple):
    """A visit, and the number of its last line."""

    number: int
    visit: NewVisit


def read(
    file: SupportsReadline, kind: str, zone: ZoneInfo, advance: Callable[[int], None], refuse: Refuse
) -> Iterator[ImportedLine]:
    """Yield the visits of a file. `advance` is called with the number of bytes read since the last call. `refuse` is
    called for a line that is not a visit; reading then continues. Raises BadLine if the first line does not name the
    columns.

    A visit without a `visit_id` gets one derived from its line, so that a repeated import recognises it.
    """
    rows = _csv if kind == spreadsheet.CSV else _json_lines
    for number, values in rows(_Counted(file, advance), refuse):
        try:
            visit = _visit({ALIASES.get(name, name): value for name, value in values.items()}, number, zone)
        except ValueError as error:
            refuse(BadLine(number, str(error)))
        except RecursionError:
            refuse(BadLine(number, "has values in values, too deep to be read"))
        else:
            yield ImportedLine(number, visit)


class _Counted:
    """Yields lines, and counts the bytes read."""

    def __init__(self, file: SupportsReadline, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def readline(self, size: int, /) -> bytes:
        line = self._file.readline(size)
        self._advance(len(line))
        return line


def _csv(lines: SupportsReadline, refuse: Refuse) -> Iterator[tuple[int, Values]]:
    records = csv_records(lines, refuse)
    head = next((record.values for record in records), [])
    if not {"visitor_id", "at"} <= {ALIASES.get(name, name) for name in head}:
        raise BadLine(1, "must name the columns, visitor_id and at among them")
    for _, number, row in records:
        if len(row) > len(head):
            refuse(BadLine(number, "has more values than there are columns"))
        elif row:
            yield number, {name: spreadsheet.plain(value) for name, value in zip(head, row, strict=False) if value}


def _json_lines(lines: SupportsReadline, refuse: Refuse) -> Iterator[tuple[int, Values]]:
    decoded = DecodedLines(lines)
    while True:
        decoded.begin_record()
        try:
            line = next(decoded, None)
        except BadLine as error:
            refuse(error)
            continue
        if line is None:
            return
        if line.isspace():
            continue
        values = _json_object(line)
        if isinstance(values, str):
            refuse(BadLine(decoded.number, values))
        else:
            yield decoded.number, values


def _json_object(line: str) -> Values | str:
    """The values of an object, or a text that says what is wrong with the line."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return "is not valid JSON"
    if not isinstance(values, dict):
        return "must be a JSON object"
    return {name: value for name, value in values.items() if value is not None}


def _visit(values: Values, number: int, zone: ZoneInfo) -> NewVisit:
    user_agent = _text(values, "user_agent") or _described(values)
    referrer = without_query(_text(values, "referrer")) or _text(values, "source")
    visit = NewVisit(
        visitor_id=_visitor_id(values.get("visitor_id")),
        visit_id=_visit_id(values["visit_id"]) if "visit_id" in values else _derived_id(values, number),
        scope=_scope(values.get("community_id")),
        place=_text(values, "place") or UNKNOWN,
        at_ms=moment(values.get("at"), zone),
        referrer=None if referrer == "direct" else referrer,
        user_agent=user_agent,
        page=page_path(_address(values, "page")),
        user_id=_uuid(values["user_id"], "user_id") if "user_id" in values else None,
        is_bot=values.get("device") == BOT or is_bot(user_agent),
        language=languages.first_of(_text(values, "language")),
        campaign=_campaign(values),
    )._replace(**{name: read(values, name) for name, read in PLAIN.items() if name in values})
    return visit._replace(automated=visit.is_bot or visit.automated)


def _described(values: Values) -> str | None:
    """A text in place of a missing user agent, from the parsed columns of an export."""
    names = (_text(values, name) or "" for name in ("browser", "system", "device"))
    return user_agents.written(UserAgent(*names)) or None


def _campaign(values: Values) -> str | None:
    """The utm_ columns, or else the page's utm_ parameters. For an erased visitor, only the channel may be left."""
    sent = Campaign(*(_text(values, name) for name in Campaign._fields))
    campaign = Campaign.read(sent.written()).written() or campaigns.of_page(_address(values, "page"))
    return campaign or (campaigns.NAMELESS if values.get("channel") == CAMPAIGN else None)


def _visitor_id(value: Any) -> str:
    if not isinstance(value, str) or not STORED_VISITOR_ID.fullmatch(value) or len(value) > LONGEST_ID:
        raise ValueError("visitor_id must be a text of 1 to 128 characters out of A–Z a–z 0–9 _ - . :")
    return value


def _visit_id(value: Any) -> str:
    if not isinstance(value, str) or not STORED_VISIT_ID.fullmatch(value) or len(value) > LONGEST_ID:
        raise ValueError("visit_id must be a text of 1 to 128 characters out of A–Z a–z 0–9 _ - . : + / =")
    return value


def _derived_id(values: Mapping[str, Any], number: int) -> str:
    contents = json.dumps([number, values], sort_keys=True).encode()
    return f"~{hashlib.sha256(contents).hexdigest()[:32]}"


def _scope(value: Any) -> Scope:
    return SITE if value is None else Scope(_uuid(value, "community_id"))


def _uuid(value: Any, name: str) -> str:
    uuid = uuid_of(value) if isinstance(value, str) else None
    if uuid is None:
        raise ValueError(f"{name} must be a UUID, or be left out")
    return uuid


def moment(value: Any, zone: tzinfo) -> int:
    """Parse ms since 1970 (UTC), or ISO 8601 (in `zone` without a UTC offset). Raises ValueError."""
    if type(value) is int or (isinstance(value, str) and MILLISECONDS.fullmatch(value)):
        at_ms = int(value)
    else:
        at_ms = _parsed(value, zone)
    if not EARLIEST_MS < at_ms <= LARGEST_INT64:
        raise ValueError("at must be a moment after 1970")
    return at_ms


def _parsed(value: Any, zone: tzinfo) -> int:
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        since = moment - datetime.fromtimestamp(0, UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("at must be a moment, such as 2025-12-16T04:48:38.412Z, or ms since 1970") from None
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _number(values: Values, name: str) -> int:
    try:
        number = int(values[name])
    except (TypeError, ValueError, OverflowError):
        unit = " of ms since 1970" if name.endswith("_ms") else ""
        raise ValueError(f"{name} must be a whole number{unit}") from None
    if abs(number) > LARGEST_INT64:
        raise ValueError(f"{name} must be a number that fits 64 bits")
    return number


def _boolean(values: Values, name: str) -> bool:
    value = values[name]
    boolean = value if isinstance(value, bool) else BOOLEANS.get(str(value).lower())
    if boolean is None:
        raise ValueError(f"{name} must be true or false")
    return boolean


def _attended_ms(values: Values, name: str) -> int | None:
    value = values[name]
    if value == "":
        return None
    is_whole = type(value) is int or (isinstance(value, str) and MILLISECONDS.fullmatch(value))
    if not is_whole or not 0 <= int(value) <= LONGEST_ATTENDED_MS:
        raise ValueError(f"{name} must be a whole number of ms, at most 30 days")
    return int(value)


def _flag(values: Values, name: str) -> bool:
    value = str(values[name]).lower()
    if value not in ("true", "false", ""):
        raise ValueError(f"{name} must be true, false or empty")
    return value == "true"


def _network(values: Values, name: str) -> str | None:
    value = values[name] or None
    if value not in (*NETWORKS, None):
        raise ValueError(f"{name} must be {' or '.join(NETWORKS)}, or empty")
    return value


def _text(values: Values, name: str) -> str | None:
    value = _address(values, name)
    return None if value is None else truncate(value)


def _address(values: Values, name: str) -> str | None:
    """An address. It is not cut until its parts have been extracted."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


READERS: dict[type, Callable[[Values, str], Any]] = {int: _number, bool: _boolean, str: _text}
BY_RULES = {
    "visitor_id",
    "scope",
    "place",
    "at_ms",
    "referrer",
    "user_agent",
    "page",
    "user_id",
    "language",
    "campaign",
}
PLAIN = {name: READERS[Visit.__table__.columns[name].type.python_type] for name in SENT if name not in BY_RULES} | {
    "attended_ms": _attended_ms,
    "acted": _flag,
    "automated": _flag,
    "network": _network,
    "own": _flag,
}
"""Parsers for a visit's optional columns."""
