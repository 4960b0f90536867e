"""Damaged, malicious or partly unusable exports: the import reports what is wrong, and imports the rest or nothing."""

import gzip
import io
import re
import tracemalloc
import zipfile

import pytest
from support.sites.exports import packed, zipped

from koyjabo.base.core.errors import Unusable
from koyjabo.upkeep.importers import export
from koyjabo.upkeep.importers.export import Export, ImportReport
from koyjabo.upkeep.importers.first_views_sqlite import FirstViews, PageView

WHOLE = "a,b\r\n1,2\r\n"


def read(contents: bytes) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of all tables, and what the report says about other lines."""
    report = ImportReport()
    tables = Export(io.BytesIO(contents), "export", report, lambda read: None).tables()
    rows = [row for table in tables for _, row in table]
    return rows, [*report.sentences()][2:]


def headed(at: int, byte: int) -> bytes:
    """Change a byte in the file's local header, and the same byte in the central directory, where its offset is 2
    higher.
    """
    contents = bytearray(zipped(a=WHOLE))
    contents[at] = contents[contents.index(b"PK\x01\x02") + at + 2] = byte
    return bytes(contents)


def packed_by(method: int) -> bytes:
    contents = io.BytesIO()
    with zipfile.ZipFile(contents, "w", method) as archive:
        archive.writestr("a.csv", WHOLE)
    return contents.getvalue()


def listed(at: int, *bytes_: int) -> bytes:
    """Change bytes in the central directory."""
    contents = bytearray(zipped(a=WHOLE))
    start = contents.index(b"PK\x01\x02") + at
    contents[start : start + len(bytes_)] = bytes_
    return bytes(contents)


MANY = ("a,b\n" + "1,2\n" * 5000).encode()
DAMAGED = {
    "gzip cut off": lambda: gzip.compress(MANY)[:-12],
    "gzip changed": lambda: gzip.compress(MANY)[:10] + b"\xff" * 40,
    "zip cut off": lambda: zipped(a=MANY)[:-30],
    "zip changed": lambda: zipped(a=MANY).replace(zipped(a=MANY)[40:60], b"\0" * 20),
    "a password": lambda: headed(6, 1),
    "an unknown method": lambda: headed(8, 99),
    "bzip2 that unpacks 4 KB to gigabytes": lambda: packed_by(zipfile.ZIP_BZIP2),
    "LZMA": lambda: packed_by(zipfile.ZIP_LZMA),
    "a name that is no UTF-8": lambda: listed(8, 0, 8).replace(b"a.csv", b"\xff.csv"),
    "a place before the file": lambda: listed(42, 0xFF, 0xFF, 0xFF, 0x7F),
    "a list of 20,000 files": lambda: zipped(**{str(number): "" for number in range(20_000)}),
    "UTF-16 cut off": lambda: "a,b\n1,2\n".encode("utf-16")[:-1],
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_file_is_refused_with_a_sentence(damage):
    with pytest.raises(Unusable, match=r"The (file|archive) .*\."):
        read(DAMAGED[damage]())


def test_archive_that_grows_without_end_is_refused(monkeypatch):
    text = "a,b\n" + "1,2\n" * 39_999
    parts = dict.fromkeys(("a", "b", "c", "d"), text[: len(text) // 4])
    for contents in (packed(text), zipped(a=text), zipped(**parts)):
        monkeypatch.setattr(export, "ALWAYS_ALLOWED_BYTES", 40_000)
        with pytest.raises(Unusable, match="more than 200 times its size"):
            read(contents)
        monkeypatch.setattr(export, "ALWAYS_ALLOWED_BYTES", 200_000)
        assert len(read(contents)[0]) >= 39_996


def test_names_in_an_archive_are_shown_without_control_characters():
    (message,) = read(zipped(**{"b\x1b[2J\u202e": "a,b\n1\n", "c": WHOLE}))[1]
    assert message == "Not imported, line 2: the numbers of values and columns differ (b\ufffd[2J\ufffd.csv)."


def test_macos_files_and_folders_are_skipped():
    contents = io.BytesIO()
    with zipfile.ZipFile(contents, "w") as archive:
        archive.writestr("__MACOSX/x/._a.csv", b"\xff\xfe\0")
        archive.mkdir("x")
        archive.writestr("x/a.csv", b"\xef\xbb\xbf" + WHOLE.encode())
        archive.writestr("x/readme.txt", "a,b\n9,9\n")
        archive.writestr("x/b.csv.gz", packed(WHOLE))
    assert read(contents.getvalue()) == ([{"a": "1", "b": "2"}] * 2, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_table_with_a_byte_order_mark_is_read_in_its_encoding(encoding):
    mark = "" if encoding == "utf-8-sig" else "\ufeff"
    text = f"{mark}a,b\r\nবাস,2\r\n" + '"several\nlines",3\r\n'
    contents = text.encode(encoding)
    rows = [{"a": "বাস", "b": "2"}, {"a": "several\nlines", "b": "3"}]
    assert read(contents) == (rows, [])
    assert read(gzip.compress(contents)) == (rows, [])
    assert read(zipped(a=contents)) == (rows, [])


def test_unusable_lines_are_named_and_the_others_imported():
    lines = [
        b"a,b",  # line 1
        b"1,2",
        b"1,2,3",  # 3: too many values
        b"",
        b"\xff,2",  # 5: not UTF-8
        b'"x"y,2',  # 6: not CSV
        b'"several',
        b'lines",3',
        b"x" * 1_200_000 + b",2",  # 9: too long
        b"4,NULL",
        b'"never ends,5',  # 11
        b"6,7",
    ]
    rows, messages = read(b"\n".join(lines))
    assert rows == [{"a": "1", "b": "2"}, {"a": "several\nlines", "b": "3"}, {"a": "4"}]
    assert messages == [
        "Not imported, line 3: the numbers of values and columns differ.",
        "Not imported, line 5: is not in UTF-8.",
        "Not imported, lines 6, 11, 12: is not valid CSV.",
        "Not imported, line 9: is longer than 1 MB.",
    ]


def test_lines_in_an_unclosed_quotation_are_all_named():
    rows, (message,) = read(b'a,b\n1,2\n"' + b"3,4\n" * 40_000)
    named, more = re.findall(r"lines (3, 4, .*) and ([\d,]+) more", message)[0]
    assert rows[0] == {"a": "1", "b": "2"}
    assert len(rows) + len(named.split(", ")) + int(more.replace(",", "")) == 40_001


def test_some_of_very_many_bad_lines_are_named():
    (message,) = read(b"a,b\n" + b"1\n" * 30)[1]
    assert message.startswith(f"Not imported, lines {', '.join(map(str, range(2, 22)))} and 10 more: the numbers of")


def test_temporary_database_without_room_says_what_to_do(monkeypatch):
    monkeypatch.setattr(FirstViews, "SCHEMA", f"{FirstViews.SCHEMA} PRAGMA max_page_count = 6;")
    views = (PageView(f"visit-{n}", "v", n, n) for n in range(5_000))
    with pytest.raises(Unusable, match=r"TMPDIR"), FirstViews.collected() as first:
        first.add(views)


def test_import_keeps_only_the_first_page_view_of_each_visit_in_memory():
    def views(number: int):
        return (PageView(f"visit-{n % 5}", "v", abs(4_000 - n) // 5, n, "/page" * 20) for n in range(number))

    tracemalloc.start()
    try:
        with FirstViews.collected() as first:
            first.add(views(8_000))
            assert first.count() == 5
            assert [view[2:4] for view in first.in_order()] == [(0, line) for line in range(3_996, 4_001)]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
