"""Each setting, by each way in, with a value that came out of its way (the table of `settings.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.application.site import Site
from support.people.accounts import PASSWORD
from support.people.admins import panel
from support.people.page_readers import Reader

import config
from config import SettingsError
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.base.settings.schema import Settings
from koyjabo.upkeep.stored_settings.cli import settings
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from matrix.settings import (
    DOTENV,
    ENVIRONMENT,
    FILE,
    FOLDER,
    FORM,
    KEY_IN_FILE,
    NAMES,
    NEEDS,
    SETTINGS,
    neighbours_value,
    rule_of,
)
from matrix.table import Cell

PLACE = {"city": {"names": {"en": "Dhaka"}}, "autonomous_system_number": 1}
ERROR = re.compile(r'class="error"[^>]*>([^<]*)<')


class RefusedValue(Exception):
    """A value was not accepted, for this reason."""


class Panel:
    """A server, its admin on the page *Server*, and its operator at the command line."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.admin: Reader = panel(site)

    def send(self, name: str, values: list[str]) -> None:
        fields = {"csrf_token": self.admin.csrf, name.lower(): values, "password": PASSWORD}
        path = f"/admin/server/settings/{PAGE_SETTINGS[name].row}"
        answer = self.admin.client.post(path, data=fields, headers=self.admin.headers)
        if answer.status_code != 303:
            assert answer.status_code == 422, answer.text
            raise RefusedValue(unescape(" ".join(ERROR.findall(answer.text))))

    def run(self, name: str, values: list[str]) -> None:
        """Run `koyjabo settings set` in this process, with the services of the server."""
        services = nullcontext(self.site.services)
        for value in values:
            done = CliRunner().invoke(settings, ["set", name, "--", value], obj=lambda _: services)
            if done.exit_code:
                raise RefusedValue(done.output)

    @property
    def stored(self) -> StoredSettings:
        return self.site.services[StoredSettings]

    def clear(self) -> None:
        self.site.rows("DELETE FROM stored_settings")
        self.stored.refresh()


@pytest.fixture(scope="module")
def server(module_sqlite_database) -> Iterator[Panel]:
    with Site(module_sqlite_database.url, TIMEZONE="") as site:
        yield Panel(site)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder for `.env`, keys and data, and an environment without settings."""
    for name in (*NAMES, "RENDER", "DYNO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "ROOT", tmp_path)
    return tmp_path


def distorted(cell: Cell, value: str) -> str:
    if cell.distortion == "quotes":
        return f"“{value}”" if cell.place == DOTENV else f'"{value}"'  # others are syntax in `.env`
    rule = rule_of(cell.surface)
    return {
        "line break": f"{value}\n",
        "CRLF": f"{value}\r\n",
        "spaces": f" \t{value}\u00a0\u3000",
        "empty": "",
        "BOM": f"\ufeff{value}",
        "other case": rule.other_case,
        "other digits": rule.other_digits,
        "other unit": rule.other_unit,
        "twice": value,
        "neighbour": neighbours_value(cell.surface),
    }[cell.distortion]


def write_dotenv(file: Path, cell: Cell, value: str) -> None:
    """Write a file of settings as an editor would write it, with another value first if the setting is in it twice."""
    if cell.distortion in ("CRLF", "BOM") and "\n" not in value.strip():  # of the whole file
        lines = value.replace("\ufeff", f"\ufeff{cell.surface}=", 1) if "\ufeff" in value else f"{cell.surface}={value}"
        file.write_bytes(lines.encode())
        return
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    first = f"{cell.surface}=nonsense\n" if cell.distortion == "twice" else ""
    file.write_bytes(f'{first}{cell.surface}="{quoted}"\n'.encode())


def read(cell: Cell, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Start with a value. Raises SettingsError."""
    name, needs = cell.surface, {key: text for key, text in NEEDS.get(cell.surface, {}).items() if key != cell.surface}
    if cell.place == FILE:
        file, is_key = folder / "key", name == KEY_IN_FILE
        file.write_text(value, encoding="utf-8", newline="")
        given = {"SECRET_KEY_FILE" if is_key else "AUTH_PUBLIC_KEY": str(file)}
        given |= {"SECRET_KEY": value} if is_key and cell.distortion == "twice" else {}
        return config.load({**needs, **given}, instance=folder / "instance")
    if cell.place == DOTENV:
        write_dotenv(folder / ".env", cell, value)
    else:
        monkeypatch.setenv(name, value)
        if cell.distortion == "twice":
            (folder / ".env").write_text(f"{name}=nonsense\n")
    return config.load(needs, instance=folder / "instance")


def loaded(cell: Cell, folder: Path, value: str = "") -> Settings:
    """The settings with a value that nothing has distorted; without a value, its default."""
    needs: Mapping[str, str] = NEEDS.get(cell.surface, {})
    if not value and needs.keys() & {"ADMIN_EMAIL", "ADMIN_PASSWORD", "ENVIRONMENT"}:  # these need the value
        return Settings()
    return config.load({**needs, name_of(cell): value}, instance=folder / "instance")


def name_of(cell: Cell) -> str:
    return cell.surface.rpartition(" ")[2]


def effect(settings: Settings, cell: Cell) -> object:
    return settings.smtp if cell.surface == "SMTP_URL" else settings.text_of(name_of(cell))


def give(cell: Cell, value: str, folder: Path, server: Panel | None, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give a value by the way of the cell. Returns the settings in force. Raises RefusedValue."""
    if server is None:
        try:
            return read(cell, value, folder, monkeypatch)
        except SettingsError as error:
            raise RefusedValue(str(error)) from None
    if needs := NEEDS.get(cell.surface):
        server.stored.change(OPERATOR, **needs)
    way = server.send if cell.place == FORM else server.run
    way(cell.surface, [value] * (2 if cell.distortion == "twice" else 1))
    return server.site.services[Settings].model_copy()


def check(cell: Cell, value: str, given: Settings, folder: Path) -> None:
    """Assert what is in force after a value was accepted."""
    if cell.outcome == "means nothing":
        known = loaded(cell, folder, "" if cell.distortion == "empty" else value)
        assert effect(given, cell) == effect(known, cell)
        return
    assert cell.outcome == "counts"
    for other in (value, ""):
        assert effect(given, cell) != effect(loaded(cell, folder, other), cell)
    again = loaded(cell, folder, given.text_of(name_of(cell)))
    assert effect(again, cell) == effect(given, cell), "what is shown can be given again"


@pytest.mark.parametrize("cell", SETTINGS.parameters())
def test_a_setting_with_a_distorted_value_has_the_outcome_of_its_row(cell, folder, monkeypatch, request):
    if "FOLDER/places" in rule_of(cell.surface).value + neighbours_value(cell.surface):
        writer = MMDBWriter(4)
        writer.insert_network(IPSet(["103.4.0.0/16"]), PLACE)
        writer.to_db_file(str(folder / "places7.mmdb"))
    server = None if cell.place in (ENVIRONMENT, DOTENV, FILE) else request.getfixturevalue("server")
    value = rule_of(cell.surface).value.replace(FOLDER, str(folder))
    given = distorted(cell, value).replace(FOLDER, str(folder))
    try:
        if cell.outcome == "refused":
            with pytest.raises(RefusedValue, match=re.escape(cell.says)):
                give(cell, given, folder, server, monkeypatch)
            assert server is None or server.stored.source(cell.surface) == "default"
        else:
            in_force = give(cell, given, folder, server, monkeypatch)
            with monkeypatch.context() as clean:
                clean.delenv(cell.surface, raising=False)
                clean.setattr(config, "ROOT", folder / "nowhere")
                check(cell, value, in_force, folder)
    finally:
        if server:
            server.clear()
            assert server.site.register().stats["totalVisits"] == server.site.rows("SELECT count(*) FROM visits")[0][0]
