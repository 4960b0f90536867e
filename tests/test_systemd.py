"""The units in deploy/, checked with systemd itself."""

import os
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest
from support.programs.installed import program
from support.programs.processes import ROOT

from koyjabo.server.process.parent import KILL_AFTER_S

SERVICE, SOCKET = "koyjabo@.service", "koyjabo@.socket"
PROGRAM = "/opt/koyjabo/bin/koyjabo"
MAX_EXPOSED = 20  # the maximum exposure in `systemd-analyze security`, in tenths on its scale from 0 to 10


@pytest.fixture
def units(tmp_path) -> Path:
    """A folder with both units, and with the drop-in that an operator writes for the app `blog`."""
    for name in (SERVICE, SOCKET):
        shutil.copy(ROOT / "deploy" / name, tmp_path)
    service = tmp_path / SERVICE
    service.write_text(service.read_text().replace(PROGRAM, sys.executable))
    port = tmp_path / "koyjabo@blog.socket.d" / "port.conf"
    port.parent.mkdir()
    port.write_text("[Socket]\nListenStream=127.0.0.1:8000\n")
    return tmp_path


def analyzed(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    return subprocess.run(
        command, env=os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"}, capture_output=True, text=True, timeout=60
    )


def test_systemd_accepts_the_units_of_an_app_and_rates_them_as_safe(units):
    ended = analyzed(units, "verify", "koyjabo@blog.service", "koyjabo@blog.socket")
    complaints = [line for line in ended.stderr.splitlines() if str(units) in line or "koyjabo" in line]
    assert (ended.returncode, complaints) == (0, []), "other units of this machine may have their own"
    security = ("security", "--offline=true", f"--threshold={MAX_EXPOSED}", "koyjabo@blog.service")
    ended = analyzed(units, *security)
    assert ended.returncode == 0, ended.stdout[-300:]


def test_systemd_refuses_an_app_without_a_port(units):
    assert "has no Listen setting" in analyzed(units, "verify", "koyjabo@shop.socket").stderr


def test_the_systemd_unit_gives_the_service_its_own_folder_and_time_to_stop():
    unit = RawConfigParser(strict=False)
    unit.read(ROOT / "deploy" / SERVICE)
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > KILL_AFTER_S
    assert (service["KillMode"], service["Restart"]) == ("mixed", "always")
    assert service["StateDirectory"].split()[0] == "koyjabo/%i"
    assert service["WorkingDirectory"] == "%S/koyjabo/%i"
    assert service["ExecStart"] == f"{PROGRAM} serve"
