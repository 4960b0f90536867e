"""The wheel that `make wheel` builds works without a checkout."""

import json
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from sysconfig import get_path
from zipfile import ZipFile

import pytest
from support.programs.patience import PATIENCE_S
from support.programs.processes import environment, wait_until
from support.servers.api_client import Caller

from koyjabo.base.core.installation import VERSION

pytestmark = pytest.mark.long(
    proved_by="test_deployment.py::test_checkout_finds_its_migrations_and_keeps_to_its_folder"
)

ROOT = Path(__file__).resolve().parents[1]
SERVING = re.compile(r"is serving.* http://localhost:(\d+)")
START_S = 120
BUILD_S = 300
SOURCES = {"koyjabo": "koyjabo", "migrations": "koyjabo/migrations", "docs": "koyjabo/docs"}
"""Folders of the checkout, and where their files are in the wheel."""

NOT_SHIPPED = {"__pycache__", "messages.pot", "decisions", "images"}
DEFAULTS = environment(ENVIRONMENT=None, SECRET_KEY=None)
"""The settings of an operator who has set only PORT."""


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "wheel", f"WHEELS={folder}"], cwd=checkout, check=True, timeout=BUILD_S)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs folder of a new virtual environment with the wheel, which borrows other packages from the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-compile", wheel]
    subprocess.run(install, check=True, timeout=BUILD_S)
    packages = Path(get_path("purelib", vars={"base": str(folder)}))
    (packages / "borrowed.pth").write_text(get_path("purelib"))  # its own .pth files, and so the checkout, are not read
    return python.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder to start the server in."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def server(programs: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """`koyjabo serve`"""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen([programs / "koyjabo", "serve"], cwd=folder, env=DEFAULTS, stdout=out, stderr=out)
    try:
        wait_until(lambda: SERVING.search(log.read_text()) or process.poll() is not None, "it serves", START_S)
        match = SERVING.search(log.read_text())
        assert match, log.read_text()
        caller = Caller()
        caller.port = int(match[1])
        yield caller
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def output_of(programs: Path, folder: Path, program: str, *arguments: str) -> str:
    """Run a program from the environment in the server's folder, and return its output."""
    command = [programs / program, *arguments]
    done = subprocess.run(command, cwd=folder, env=DEFAULTS, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_has_every_file_of_the_package_and_the_migrations_and_nothing_else(wheel, checkout):
    shipped = set(ZipFile(wheel).namelist())
    for source, target in SOURCES.items():
        files = [path.relative_to(checkout / source) for path in (checkout / source).rglob("*") if path.is_file()]
        needed = {f"{target}/{path}" for path in files if not NOT_SHIPPED & set(path.parts)}
        assert needed - shipped == set()
    assert {path.rpartition(".")[2] for path in shipped} >= {"lua", "mo", "html", "js", "css", "ini", "mako"}
    data = {f"koyjabo/base/network/data/{name}" for name in ("countries.mmdb", "hosting.bin", "hosting.json")}
    assert {"koyjabo/static/vendor/uPlot.js", *data} <= shipped
    top = {name.partition("/")[0] for name in shipped}
    assert top == {"koyjabo", "config.py", "wsgi.py", f"koyjabo-{VERSION}.dist-info"}
    assert not [name for name in shipped if "__pycache__" in name]


def test_installed_program_is_not_the_checkout_and_says_its_version(programs, folder):
    paths = output_of(
        programs, folder, "python", "-c", "import koyjabo, config; print(koyjabo.__file__, config.__file__)"
    )
    assert all(Path(file).is_relative_to(programs.parent) for file in paths.split())
    assert VERSION in output_of(programs, folder, "koyjabo", "--version")


def test_it_counts_and_keeps_everything_in_the_folder_it_was_started_in(server, programs, folder):
    first, second = server.register("ayesha").ordinal, server.register("karim").ordinal
    assert (first, second) == (1, 2)
    assert re.search(r'data-stat="totalVisits"[^>]*>\s*2\s*<', server.get("/").text)
    assert output_of(programs, folder, "koyjabo", "verify")
    assert [path.name for path in folder.iterdir()] == ["instance"]
    assert {path.name for path in (folder / "instance").iterdir()} >= {"koyjabo.db", "secret_key"}


def test_pages_find_their_assets_and_are_translated(server):
    page = server.get("/", headers={"Accept-Language": "bn"}).text
    assert '<html lang="bn"' in page
    assert "মোট" in page
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(assets) >= 3
    built = json.loads((ROOT / "koyjabo/static/min/manifest.json").read_text())
    assert all(asset.startswith(f"/static/v-{built['version']}/") for asset in assets)
    for asset in [*assets, "/static/vendor/uPlot.js", "/static/vendor/uPlot.min.css", "/docs", "/docs/failover.md"]:
        answer = server.get(asset)
        assert (answer.status_code, bool(answer.content)) == (200, True), asset
