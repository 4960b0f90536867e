"""What `make` installs with, and what it says if it cannot."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support.programs.processes import ROOT

import installation

TOOL = """import sys
open("installed", "a").write(" ".join(sys.argv[1:]) + chr(10))
"""
"""A replacement of tools/installation.py that writes down what it has to install."""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A checkout that has been installed with this Python."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("lib", "pyvenv.cfg"):
        (tmp_path / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    for name in (".venv/bin/python", "python"):
        (tmp_path / name).symlink_to(sys.executable)
    (tmp_path / ".venv" / "made").write_text(f"{tmp_path}\n")
    monkeypatch.setattr(installation, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(installation, "MADE", tmp_path / ".venv" / "made")
    monkeypatch.setattr(installation, "PYTHON", sys.executable)
    for name in [name for name in os.environ if name.startswith(("PIP_", "NODE_"))]:
        monkeypatch.delenv(name)
    return tmp_path


def made(folder, target, **variables):
    """What `make` installs for a target."""
    shutil.copy(ROOT / "Makefile", folder)
    for name, text in {"tools/installation.py": TOOL, "requirements/node.txt": "", "installed": ""}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | variables
    command = ["make", "-s", "PYTHON=./python", target]
    subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True)
    return (folder / "installed").read_text()


def test_uv_and_npm_use_the_mirror_the_proxy_and_the_authority_of_pip(folder, monkeypatch):
    authority, config = folder / "company.pem", folder / "pip.conf"
    authority.touch()
    config.write_text(
        f"[global]\nuser = true\nproxy = proxy.test:3128\ncert = {authority}\n[install]\ntarget = /else\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test/simple")
    monkeypatch.setenv("PIP_USER", "1")
    told = installation.environment()
    assert {told["PIP_INDEX_URL"], told["UV_DEFAULT_INDEX"]} == {"https://mirror.test/simple"}
    assert {told["PIP_CERT"], told["SSL_CERT_FILE"], told["NODE_EXTRA_CA_CERTS"]} == {str(authority)}
    assert told["HTTPS_PROXY"] == "http://proxy.test:3128"
    assert not {"PIP_USER", "PIP_TARGET"} & set(told)


def test_pip_takes_the_place_of_a_uv_that_fails(folder, monkeypatch, capsys):
    (folder / ".venv" / "bin" / "uv").touch()
    installation.install_packages("--dry-run", "--no-index", "pip")
    assert "pip takes its place" in capsys.readouterr().out
    assert installation.MADE.exists()
    with pytest.raises(
        SystemExit, match=r"ERROR: No matching distribution found for absent\nThe package index does not"
    ):
        installation.install_packages("--dry-run", "--no-index", "absent")


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (platform, "python_implementation", "PyPy"),
        (platform, "machine", "riscv64"),
        (platform, "libc_ver", ("", "")),
        (sysconfig, "get_config_var", 1),
    ],
    ids=["PyPy", "another processor", "another C library", "free threads"],
)
def test_a_machine_that_cannot_run_the_server_gets_a_sentence(monkeypatch, module, name, value):
    assert installation.unsuitable() == ""
    monkeypatch.setattr(module, name, lambda *_: value)
    assert installation.unsuitable().endswith((".", "python3"))


def test_the_packages_are_installed_again_after_an_interruption_and_in_a_renamed_folder(folder):
    assert made(folder, ".venv/made") == ""
    (folder / ".venv" / "made").write_text("/another/folder\n")
    assert made(folder, ".venv/made") == "venv\n"
    (folder / ".venv" / "made").unlink()
    assert made(folder, ".venv/made") == "venv\n"


@pytest.mark.parametrize(
    ("version", "is_old"), [("18.20.4", True), ("20.11.1", True), ("20.19.0", False), ("24.0.0", False)]
)
def test_a_wheel_brings_node_if_the_node_of_the_machine_is_old(folder, version, is_old):
    node = shlex.quote(shutil.which("node"))
    (folder / "node").write_text(
        f"#!/bin/sh\nexec {node} -e \"Object.defineProperty(process.versions, 'node', {{value: '{version}'}}); $2\"\n"
    )
    (folder / "npm").touch()
    for name in ("node", "npm"):
        (folder / name).chmod(0o755)
    installed = made(folder, ".venv/node", PATH=f"{folder}:{os.environ['PATH']}")
    assert ("requirements/node.txt" in installed) == is_old
