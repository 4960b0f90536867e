"""Writes an export to a file in pieces, and resumes an interrupted one."""

import csv
import os
from pathlib import Path
from typing import IO

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.runtime import ReportProgress
from .export_lines import EXPORT_COLUMNS
from .visit_list import VisitFilter, VisitList

EXPORT_HEAD = spreadsheet.head(EXPORT_COLUMNS)


def write(visits: VisitList, path: Path, which: VisitFilter, resume: bool, progress: ReportProgress) -> None:
    """Export to a file that only its owner may read (mode 0600). With `resume`, keep the complete part of an existing
    file, and append the visits after it.

    Raises Unusable, InvalidInput by filter field, and LedgerUnavailable. After LedgerUnavailable, the export can be
    resumed.
    """
    try:
        upto, last = _complete_part(path) if resume and path.exists() else (0, None)
        flags = os.O_RDWR | os.O_CREAT | (0 if resume else os.O_EXCL)
        with open(os.open(path, flags, 0o600), "r+b") as file:
            file.truncate(upto)
            file.seek(upto)
            head = "" if upto else spreadsheet.BYTE_ORDER_MARK + EXPORT_HEAD
            stream(visits, file, which, progress, last=last, head=head)
            os.fsync(file.fileno())
    except FileExistsError:
        raise Unusable(f"{path} already exists. Choose another name, or use --resume to continue it.") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror or error}.") from None


def stream(
    visits: VisitList,
    file: IO[bytes],
    which: VisitFilter,
    progress: ReportProgress,
    *,
    last: tuple[str, str] | None = None,
    head: str = EXPORT_HEAD,
) -> None:
    """Export to a pipe or file, after `head`: all visits, or those after the visit `last`. Raises InvalidInput and
    LedgerUnavailable.
    """
    all_ids, pieces = visits.extract(which, last)
    file.write(head.encode())
    with progress(all_ids, "Exporting") as advance:
        for text, ids in pieces:
            file.write(text.encode())
            advance(ids)
    file.flush()


def _complete_part(path: Path) -> tuple[int, tuple[str, str] | None]:
    """The length in bytes of the complete part of a file, and the (visitorId, visitId) of its last visit. A line
    break inside quotation marks does not end a record, and texts from visitors may contain line breaks.
    """
    head, record, last, upto = b"", b"", b"", 0
    with path.open("rb") as file:
        for line in file:
            record += line
            if not line.endswith(b"\n") or record.count(b'"') % 2:
                continue
            head, last = head or record, record
            upto, record = upto + len(record), b""
    return upto, _last_visit(head.decode(), last.decode(), path)


def _last_visit(head: str, last: str, path: Path) -> tuple[str, str] | None:
    if not head:
        return None
    if head.removeprefix(spreadsheet.BYTE_ORDER_MARK) != EXPORT_HEAD:
        raise Unusable(f"{path} is not a CSV export of visits, or was written by another version of this program.")
    if head == last:
        return None
    visit = dict(zip(EXPORT_COLUMNS, map(spreadsheet.plain, next(csv.reader([last]))), strict=True))
    return visit["visitor_id"], visit["visit_id"]
