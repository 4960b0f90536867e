"""Invalid backup files and files from other versions are refused or restored correctly."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.sites.backups import restore
from support.sites.full_site import everything

from koyjabo.base.core.errors import Unusable
from koyjabo.base.database.revisions import OLDEST_REVISION


def lines_of(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def of_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(gzip.compress(b"".join(change(lines_of(file)))))


def head_with(**values: object) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [json.dumps({**json.loads(lines[0]), **values}).encode() + b"\n", *lines[1:]]


def sealed(lines: list[bytes]) -> bytes:
    """Add a valid end, as if a program had written this backup."""
    end = json.loads(lines[-1])
    end["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return gzip.compress(b"".join(lines[:-1]) + json.dumps(end).encode())


def with_seal(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(sealed(change(lines_of(file))))


def line_of_visits(change: Callable[[list[str], list[object]], object]) -> Callable[[list[bytes]], list[bytes]]:
    """Return a function that changes or replaces the first visit row of a backup."""

    def changed(lines: list[bytes]) -> list[bytes]:
        where = next(n for n, line in enumerate(lines) if line.startswith(b'{"table":"visits"'))
        row = json.loads(lines[where + 1])
        instead = change(json.loads(lines[where])["columns"], row)
        return [
            *lines[: where + 1],
            json.dumps(row if instead is None else instead).encode() + b"\n",
            *lines[where + 2 :],
        ]

    return changed


def visit_with(column: str, value: object) -> Callable[[list[bytes]], list[bytes]]:
    return line_of_visits(lambda columns, row: row.__setitem__(columns.index(column), value))


HOSTILE = {
    "a head that is a text": lambda lines: [b'"x"\n', *lines[1:]],
    "a head of lists in lists": lambda lines: [b"[" * 900_000 + b"\n", *lines[1:]],
    "a total that is a text": head_with(total="x"),
    "a schema that is a list": head_with(schema=[]),
    "a moment in a million years": head_with(made_ms=10**19),
    "more visits than there are": head_with(rows={"visits": 10**12}),
    "lists in lists": lambda lines: [lines[0], b"[" * 400_000 + b"]" * 400_000 + b"\n", *lines[1:]],
    "columns that are no names": lambda lines: [lines[0], b'{"table":"visits","columns":[[]]}\n[]\n', *lines[1:]],
    "too few values": line_of_visits(lambda columns, row: row[:-1]),
    "a text for a number": visit_with("at_ms", "x"),
    "a number of 65 bits": visit_with("at_ms", 2**64),
    "a list for a text": visit_with("place", ["x"]),
    "nothing": visit_with("visitor_id", None),
    "half a character": visit_with("place", "\ud800"),
    "NUL": visit_with("place", "\0"),
    "a visit twice": lambda lines: [*lines[:-1], *line_of_visits(lambda _, row: row)(lines)[1:-1], lines[-1]],
}


@pytest.mark.both_kinds
def test_a_backup_with_impossible_values_changes_nothing(file, empty, tmp_path):
    """SQLite would store text in place of a number, and the server would not start again."""
    before, hostile = everything(empty), tmp_path / "hostile"
    for what, harm in HOSTILE.items():
        hostile.write_bytes(sealed(harm(lines_of(file))))
        with pytest.raises(Unusable):
            restore(empty, hostile)
        assert everything(empty) == before, what


def empty_table(name: str) -> Callable[[list[bytes]], list[bytes]]:
    def changed(lines: list[bytes]) -> list[bytes]:
        head, end = json.loads(lines[0]), json.loads(lines[-1])
        head["rows"] = end["rows"] = {**end["rows"], name: 0}
        made = [head, *map(json.loads, lines[1:-1]), {"table": name, "columns": []}, end]
        return [json.dumps(line).encode() + b"\n" for line in made]

    return changed


def counters_with(column: str, value: int) -> Callable[[list[bytes]], list[bytes]]:
    """Change a column of the site's counter, and the number in the head with the same name."""

    def changed(lines: list[bytes]) -> list[bytes]:
        where = next(n for n, line in enumerate(lines) if line.startswith(b'{"table":"counters"'))
        columns = json.loads(lines[where])["columns"]
        rows = [dict(zip(columns, json.loads(line), strict=True)) for line in lines[where + 1 : where + 3]]
        site = next(n for n, row in enumerate(rows) if row["scope"] == "site")
        lines[where + 1 + site] = json.dumps([*{**rows[site], column: value}.values()]).encode() + b"\n"
        return head_with(**{column: value})(lines) if column in json.loads(lines[0]) else lines

    return changed


REFUSED = {  # the reason for a refusal, and what was done to the file
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "end is missing": of_lines(lambda lines: lines[:-1]),
    "damaged": flip_a_bit,
    "do not match its checksum": of_lines(lambda lines: [line for line in lines if b"visit-8" not in line]),
    "changed since it was made": of_lines(lambda lines: [*lines, b"[]\n"]),
    "newer version of this program": of_lines(head_with(koyjabo_backup=2)),
    "not a backup made by this program": lambda file: file.write_bytes(b"SQLite format 3\0" + bytes(100)),
    "No such file": Path.unlink,
    "table visits": with_seal(lambda lines: [line.replace(b'"client_ms"', b'"shoe_size"') for line in lines]),
    "newer version.*9999.*Restore it with that version": with_seal(head_with(schema="9999")),
    "unknown schema.*'0000'.*Restore another backup": with_seal(head_with(schema="0000")),
    r"unknown schema.*'\\x1b\[2J": with_seal(head_with(schema="\x1b[2J" * 100_000)),
    "unknown table.*'users; DROP TABLE users'": with_seal(empty_table("users; DROP TABLE users")),
    "restore the table 'gone'.*older version": with_seal(
        lambda lines: head_with(schema=OLDEST_REVISION)(empty_table("gone")(lines))
    ),
    "impossible number, 'total': -1": with_seal(head_with(total=-1)),
    "impossible number, 'epoch': 9007199254740992.*another backup": with_seal(head_with(epoch=2**53)),
    "impossible number, 'visits': -1": with_seal(head_with(rows={"visits": -1})),
    "total 1000000000 .*differs": with_seal(head_with(total=10**9)),
    "epoch 5 differs": with_seal(head_with(epoch=5)),
    "'epoch': 9007199254740992": with_seal(counters_with("epoch", 2**53)),
    "impossible revision": with_seal(counters_with("revision", 2**63 - 1)),
}


def test_a_damaged_backup_or_one_with_a_wrong_head_changes_nothing(file, empty, tmp_path, monkeypatch):
    before, wrong = everything(empty), tmp_path / "wrong"
    for sentence, harm in REFUSED.items():
        wrong.write_bytes(file.read_bytes())
        harm(wrong)
        with pytest.raises(Unusable, match=sentence) as refused:
            restore(empty, wrong)
        assert len(str(refused.value)) < 300
        assert everything(empty) == before, sentence


def without_bots(lines: list[bytes]) -> list[bytes]:
    """Remove `is_bot` and later columns of visits, which have defaults, as if these columns were new."""
    made, inside, kept = [], False, 0
    for line in lines:
        row = json.loads(line)
        if isinstance(row, dict):
            inside = row.get("table") == "visits"
            kept = row["columns"].index("is_bot") if inside else 0
            row = {**row, "columns": row["columns"][:kept]} if inside else row
        elif inside:
            row = row[:kept]
        made.append(json.dumps(row).encode() + b"\n")
    return made


def test_the_restore_of_an_older_backup_fills_the_columns_that_are_missing_there(file, empty, tmp_path):
    old = tmp_path / "old"
    old.write_bytes(sealed(without_bots(lines_of(file))))
    restore(empty, old)
    assert {row["is_bot"] for row in everything(empty)["visits"]} == {False}


@pytest.mark.parametrize("target", ["sqlite", "postgres"], indirect=True)
def test_a_backup_of_an_inconsistent_ledger_changes_nothing(file, target, tmp_path):
    wrong = tmp_path / "wrong"
    lines = lines_of(file)
    where = next(n for n, line in enumerate(lines) if b'"table":"counters"' in line)
    lines[where + 1 : where + 3] = [
        json.dumps([*json.loads(line)[:2], 10**6, *json.loads(line)[3:]]).encode() + b"\n"
        for line in lines[where + 1 : where + 3]
    ]
    wrong.write_bytes(sealed(lines))
    before = everything(target)
    with pytest.raises(Unusable, match="is inconsistent"):
        restore(target, wrong)
    assert everything(target) == before
    target.register()  # keys and locks work as before
    target.set_total(5)
