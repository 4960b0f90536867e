"""A line longer than any that we write stops a command before it fills the memory."""

import gzip
import tracemalloc
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.programs.processes import run

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.file_lines import LONGEST_LINE
from koyjabo.reports.visit_log import import_file
from koyjabo.reports.visit_log.import_file import BadLine
from koyjabo.upkeep.backups import backup_file

HUGE = 100_000_000
MAX_MEMORY = 20_000_000
HEAD = b'{"koyjabo_backup":1,"schema":"0001","made_ms":0,"epoch":0,"total":0,"rows":{"visits":1}}\n'
VISIT = b'{"visitor_id": "ayesha", "at": "2024-05-01T00:00:00Z"}\n'


@pytest.fixture
def memory():
    """A function that returns the peak memory use in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def refuse(error: BadLine) -> None:
    raise error


def visits(folder: Path, *before: bytes) -> Path:
    """A sparse file whose last line is huge and takes no disk space."""
    path = folder / "visits.jsonl"
    with path.open("wb") as file:
        file.writelines(before)
        file.truncate(file.tell() + HUGE)
    return path


def backup(folder: Path, *before: bytes) -> Path:
    path = folder / "koyjabo.backup"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(before)
        for _ in range(HUGE // 1_000_000):
            file.write(b"[" + b" " * 999_999)
    return path


@pytest.mark.parametrize("kind", spreadsheet.MIMETYPES)
def test_long_line_of_an_import_is_named_in_constant_memory(tmp_path, memory, kind):
    first = VISIT if kind == "jsonl" else b"visitor_id,at\n"
    with visits(tmp_path, first).open("rb") as file, pytest.raises(BadLine, match=r"Line 2: is longer than 1 MB"):
        list(import_file.read(file, kind, ZoneInfo("Asia/Dhaka"), lambda _: None, refuse))
    assert memory() < MAX_MEMORY


def test_record_of_many_lines_is_limited_as_one(tmp_path, memory):
    """A quoted value may contain line breaks."""
    path = tmp_path / "visits.csv"
    line = b'1","' + b"x" * 1000 + b"\n"
    path.write_bytes(b"visitor_id,at\n" + b'"' + line * 5000)
    with path.open("rb") as file, pytest.raises(BadLine, match="is longer than 1 MB"):
        list(import_file.read(file, "csv", ZoneInfo("Asia/Dhaka"), lambda _: None, refuse))
    assert memory() < MAX_MEMORY


def test_lines_of_the_greatest_length_are_read(tmp_path):
    path = tmp_path / "visits.jsonl"
    path.write_bytes(VISIT.strip().ljust(LONGEST_LINE - 1) + b"\n" + VISIT)
    with path.open("rb") as file:
        assert len(list(import_file.read(file, "jsonl", ZoneInfo("Asia/Dhaka"), lambda _: None, refuse))) == 2


def test_long_line_of_a_backup_is_named_in_constant_memory(tmp_path, memory):
    for before in ((), (HEAD,)):
        path = backup(tmp_path, *before)
        with pytest.raises(Unusable, match=rf"Line {len(before) + 1} is longer than 1 MB"):
            list(backup_file.pieces(path))
    assert memory() < MAX_MEMORY


def test_long_rows_come_in_small_pieces(tmp_path, memory):
    path = tmp_path / "koyjabo.backup"
    row = b'["' + b"x" * 900_000 + b'"]\n'
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines([HEAD, b'{"table":"visits","columns":["page"]}\n', *[row] * 100])
    pieces = backup_file.pieces(path)
    assert all(len(next(pieces).rows) <= 2 for _ in range(50))
    with pytest.raises(Unusable, match="truncated"):
        list(map(len, pieces))
    assert memory() < MAX_MEMORY


def test_command_ends_with_status_1_and_the_number_of_the_line(sqlite_database, tmp_path):
    ended = run("-m", "koyjabo", "import", str(visits(tmp_path, VISIT)), DATABASE_URL=sqlite_database.url)
    assert ended.returncode == 1, ended
    assert "Line 2" in ended.stderr
    assert "1 MB" in ended.stderr
    assert "Traceback" not in ended.stderr
