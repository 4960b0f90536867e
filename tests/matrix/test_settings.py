"""Each setting, by each way in, with a value that came out of its way (the table of `settings.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
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

import config
from config import SettingsError
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.base.settings.schema import Settings
from koyjabo.upkeep.stored_settings.cli import settings
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from matrix import settings as table
from matrix.settings import FOLDER, NEEDS, neighbours_value, rule_of
from matrix.table import Cell

PLACE = {"city": {"names": {"en": "Dhaka"}}, "country": {"iso_code": "BD"}, "autonomous_system_number": 1}
ERROR = re.compile(r'class="error"[^>]*>([^<]*)<')


class Server:
    """A server, its admin on the page *Server*, and its operator at the command line."""

    def __init__(self, site: Site) -> None:
        self.site, self.admin, self.stored = site, panel(site), site.services[StoredSettings]

    def give(self, cell: Cell, value: str) -> Settings:
        """Give it this value only. Returns the settings in force. Raises SettingsError."""
        self.site.rows("DELETE FROM stored_settings")
        self.stored.refresh()
        if needs := NEEDS.get(cell.surface):
            self.stored.change(OPERATOR, **needs)
        values = [value] * (2 if cell.distortion == "twice" else 1)
        refusal = self._send(cell, values) if cell.place == table.FORM else self._run(cell.surface, values)
        if refusal:
            raise SettingsError(refusal)
        return self.site.services[Settings].model_copy()

    def _send(self, cell: Cell, values: list[str]) -> str:
        path = f"/admin/server/settings/{PAGE_SETTINGS[cell.surface].row}"
        fields = {cell.surface.lower(): values, "password": PASSWORD}
        page = self.admin.send(path, 422 if cell.outcome == "refused" else 303, **fields)
        return unescape(" ".join(ERROR.findall(page)))

    def _run(self, name: str, values: list[str]) -> str:
        """Run `koyjabo settings set` in this process, with the services of the server."""
        services = nullcontext(self.site.services)
        runs = [CliRunner().invoke(settings, ["set", name, "--", value], obj=lambda _: services) for value in values]
        return "".join(run.output for run in runs if run.exit_code)


@pytest.fixture(scope="module")
def server(module_sqlite_database) -> Iterator[Server]:
    with Site(module_sqlite_database.url, TIMEZONE="") as site:
        yield Server(site)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder for `.env`, keys and data, and an environment without settings."""
    for name in (*table.NAMES, "RENDER", "DYNO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)  # a relative BACKUP_DIR is created
    return tmp_path


def distorted(cell: Cell, value: str) -> str:
    if cell.distortion == "quotes":
        return f"“{value}”" if cell.place == table.DOTENV else f'"{value}"'  # others are syntax in `.env`
    rule = rule_of(cell.surface)
    return {
        **{"line break": f"{value}\n", "CRLF": f"{value}\r\n", "spaces": f" \t{value}\u00a0\u3000", "empty": ""},
        **{"BOM": f"\ufeff{value}", "twice": value, "neighbour": neighbours_value(cell.surface)},
        **{"other case": rule.other_case, "other digits": rule.other_digits, "other unit": rule.other_unit},
    }[cell.distortion]


def dotenv(cell: Cell, value: str) -> str:
    """A file of settings as an editor would write it, with another value first if the setting is in it twice."""
    if cell.distortion in ("CRLF", "BOM") and "\n" not in value.strip():  # of the whole file
        _, mark, text = value.rpartition("\ufeff")
        return f"{mark}{cell.surface}={text}"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    first = f"{cell.surface}=nonsense\n" if cell.distortion == "twice" else ""
    return f'{first}{cell.surface}="{quoted}"\n'


def read(cell: Cell, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Start with a value. Raises SettingsError."""
    name, given, is_twice = cell.surface, dict(NEEDS.get(cell.surface, {})), cell.distortion == "twice"
    if cell.place == table.FILE:
        is_key = name == table.KEY_IN_FILE
        (folder / "key").write_text(value, encoding="utf-8", newline="")
        given |= {"SECRET_KEY_FILE" if is_key else "AUTH_PUBLIC_KEY": str(folder / "key")}
        given |= {"SECRET_KEY": value} if is_key and is_twice else {}
    elif cell.place == table.DOTENV:
        (folder / ".env").write_text(dotenv(cell, value), encoding="utf-8", newline="")
    else:
        monkeypatch.setenv(name, value)
        if is_twice:
            (folder / ".env").write_text(f"{name}=nonsense\n")
    return config.load(given, instance=folder / "instance")


def name_of(cell: Cell) -> str:
    return cell.surface.rpartition(" ")[2]


def effect(settings: Settings, cell: Cell) -> object:
    return settings.smtp if cell.surface == "SMTP_URL" else settings.text_of(name_of(cell))


def check(cell: Cell, value: str, in_force: Settings, folder: Path) -> None:
    """Assert what is in force after a value was accepted."""

    def with_value(value: str) -> object:
        """The effect of a value that nothing has distorted; without a value, of the default."""
        needs = NEEDS.get(cell.surface, {})
        if not value and needs.keys() & {"ADMIN_EMAIL", "ADMIN_PASSWORD", "ENVIRONMENT"}:  # these need the value
            return effect(Settings(), cell)
        return effect(config.load({**needs, name_of(cell): value}, instance=folder / "instance"), cell)

    if cell.outcome == "means nothing":
        assert effect(in_force, cell) == with_value("" if cell.distortion == "empty" else value)
        return
    assert cell.outcome == "counts"
    assert effect(in_force, cell) not in (with_value(value), with_value(""))
    assert with_value(in_force.text_of(name_of(cell))) == effect(in_force, cell), "what is shown can be given again"


@pytest.mark.parametrize("cell", table.SETTINGS.parameters())
def test_a_setting_with_a_distorted_value_has_the_outcome_of_its_row(cell, folder, monkeypatch, request):
    if "FOLDER/places" in rule_of(cell.surface).value + neighbours_value(cell.surface):
        writer = MMDBWriter(4)
        writer.insert_network(IPSet(["103.4.0.0/16"]), PLACE)
        writer.to_db_file(str(folder / "places7.mmdb"))
    server = request.getfixturevalue("server") if cell.place in (table.FORM, table.COMMAND) else None
    value = rule_of(cell.surface).value.replace(FOLDER, str(folder))
    given = distorted(cell, value).replace(FOLDER, str(folder))
    if cell.outcome == "refused":
        with pytest.raises(SettingsError, match=re.escape(cell.says)):
            server.give(cell, given) if server else read(cell, given, folder, monkeypatch)
        assert server is None or server.stored.source(cell.surface) == "default"
    else:
        in_force = server.give(cell, given) if server else read(cell, given, folder, monkeypatch)
        with monkeypatch.context() as clean:
            clean.delenv(cell.surface, raising=False)
            clean.setattr(config, "ROOT", folder / "nowhere")
            check(cell, value, in_force, folder)
    if server:
        assert server.site.register().stats["totalVisits"] == server.site.rows("SELECT count(*) FROM visits")[0][0]
