"""A line of a backup that is longer than any that we write ends a restore before it fills the memory."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from koyjabo.base.core.errors import Unusable
from koyjabo.upkeep.backups import backup_file

HUGE = 40_000_000
MAX_MEMORY = 15_000_000
HEAD = b'{"koyjabo_backup":1,"schema":"0001","made_ms":0,"epoch":0,"total":0,"rows":{"visits":1}}\n'


@pytest.fixture
def memory():
    """A function that returns the peak memory use in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def backup(folder: Path, *before: bytes) -> Path:
    path = folder / "koyjabo.backup"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(before)
        for _ in range(HUGE // 1_000_000):
            file.write(b"[" + b" " * 999_999)
    return path


def test_a_restore_refuses_a_long_line_of_a_backup_in_constant_memory(tmp_path, memory):
    for before in ((), (HEAD,)):
        path = backup(tmp_path, *before)
        with pytest.raises(Unusable, match=rf"Line {len(before) + 1} is longer than 1 MB"):
            list(backup_file.pieces(path))
    assert memory() < MAX_MEMORY


def test_a_restore_reads_long_rows_in_small_pieces(tmp_path, memory):
    path = tmp_path / "koyjabo.backup"
    row = b'["' + b"x" * 900_000 + b'"]\n'
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines([HEAD, b'{"table":"visits","columns":["page"]}\n', *[row] * 40])
    pieces = backup_file.pieces(path)
    assert all(len(next(pieces).rows) <= 2 for _ in range(20))
    with pytest.raises(Unusable, match="truncated"):
        list(map(len, pieces))
    assert memory() < MAX_MEMORY
