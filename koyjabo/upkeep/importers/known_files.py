"""Names a file that cannot be imported, or only as another program's, and the way to a file that can be imported.

A file is recognised by its name in an archive, and by its first lines.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import islice

from koyjabo.upkeep.importers.export import Export, UnusableExport

OWN = "koyjabo"
"""The program name for our own exports."""

NAMES = {"umami": "Umami", "goatcounter": "GoatCounter", "plausible": "Plausible", "ga4": "Google Analytics 4"}

READ_BYTES, READ_FILES = 600, 50
"""How much of each file is read, and the maximum number of files."""

IMPORTABLE = {
    OWN: r"\bvisitor_?id\b.*\bat\b|\bat\b.*\bvisitor_?id\b",
    "goatcounter": r'^"?[12]Path\b',
    "umami": r"\bvisit_id\b.*\bevent_type\b|\bevent_type\b.*\bvisit_id\b",
    "plausible": r'^"?date"?,"?visitors"?,"?pageviews"?,"?bounces"?,"?visits"?,"?visit_duration\b',
    "ga4": r"^# -{10,}\n#|^Nth day,|\bPage path and screen class\b",
}
"""Files that are imported, by program."""

REFUSED = {
    r"^hit_stats\.jsonl$": "This is GoatCounter's JSON export, which has sums without visits. In GoatCounter: "
    "Settings, Export, Export to CSV.",
    r"^x,(?:t,)?y\b": "This is an export from Umami's dashboard. It has sums without dates, which cannot be counted. "
    "Export Umami's tables: docs/import-export.md#umamis-tables.",
    r"\bviews_per_visit\b": "This is an export from Plausible's dashboard, which is filtered and may be by hour or "
    "month. In Plausible: Settings, Imports & exports, Prepare export.",
    r"^imported_\w+\.csv$": "This is a part of Plausible's export. Import the whole archive, or its file "
    "imported_visitors.",
    r"\bidVisit\b|\bnb_(?:uniq_visitors|visits)\b|\bUnique visitors,": "This is from Matomo. Its reports have no "
    "visits, but its list of visits can be converted: docs/import-export.md#matomos-visits.",
    r"^(?:PGDMP|SQLite format 3|-- (?:\w+ )*dump\b|/\*!\d|CREATE TABLE |INSERT INTO )": "This is a dump of a database. "
    "Restore it, and export its tables as CSV: docs/import-export.md#umamis-tables.",
    r"^\[Content_Types\]\.xml$|vnd\.oasis\.opendocument|^\xd0\xcf\x11\xe0": "This is a spreadsheet. Save it as CSV.",
    r"^\s*<(?:!doctype html|html)\b": "This is a web page, such as a login form. Log in to the program, and download "
    "the export again.",
    r"^(?:7z\xbc\xaf|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|Rar!)|\0ustar": "The file is packed in an unsupported way. Unpack "
    "it, or pack it with gzip or zip.",
    r"\A.*\n(?:\[|\{|<\?xml)": "This file is JSON or XML. Export it as CSV.",
    r"\A.*\n[^,\n]*[;\t]": "The columns are separated by semicolons or tabs. Save the file with commas.",
}


def unusable(export: Export, program: str, otherwise: str) -> UnusableExport:
    """The reason why an export cannot be imported as `program`: what the file is, or `otherwise` if that is unknown."""
    starts = [*islice(_starts(export), READ_FILES)]
    for other, pattern in IMPORTABLE.items():
        if other != program and any(re.search(pattern, start, re.MULTILINE) for start in starts):
            if other == OWN:
                return UnusableExport("This file has the columns of Koy Jabo Live. Import it without --program.")
            return UnusableExport(f"This file is from {NAMES[other]}. Choose that program (--program {other}).")
    for pattern, sentence in REFUSED.items():
        if any(re.search(pattern, start, re.MULTILINE | re.IGNORECASE) for start in starts):
            return UnusableExport(sentence)
    return UnusableExport(otherwise)


def _starts(export: Export) -> Iterator[str]:
    """The name and the first lines of each file."""
    for member in export.members:
        lines, start = export.lines(member), b""
        while len(start) < READ_BYTES and (line := lines.readline(READ_BYTES)):
            start += line
        yield f"{member.name}\n{start.removeprefix(BOM_UTF8).decode('latin-1')}"
