"""What the README and `.env.example` say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from config import Settings
from koyjabo.web.errors import SENTENCES, STATUS

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? \| (.+) \|$", re.MULTILINE)
LINE = re.compile(r"^#? ?([A-Z_]+)=(.*)$", re.MULTILINE)
README = (ROOT / "README.md").read_text()


def in_the_code() -> list[tuple[str, str, str]]:
    """(name, default, description) of every setting, in order."""
    fields = Settings.model_fields.values()
    return [(str(field.alias), written(field.default), str(field.description)) for field in fields]


def written(default: object) -> str:
    return str(int(default)) if isinstance(default, bool) else str(default)


def test_readme_lists_every_setting_and_no_other():
    assert ROW.findall(README) == in_the_code()


def test_env_example_lists_every_setting_and_no_other():
    assert LINE.findall((ROOT / ".env.example").read_text()) == [(name, default) for name, default, _ in in_the_code()]


def test_env_example_sets_nothing():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line == "" or line.startswith("#") for line in lines)


def test_readme_lists_every_error_code_with_its_status():
    rows = re.findall(r"^\| (\d{3}) \| (.+?) \|", README, re.MULTILINE)
    listed = {(code, int(status)) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    known = set(STATUS.items()) | {(code, status) for status, (code, _) in SENTENCES.items()}
    unlisted = {("internal_error", 500), ("bad_request", 400)}  # nobody can do anything about these
    assert known - unlisted <= listed <= known
