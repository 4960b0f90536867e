"""The built Python client, installed without other packages."""

import json
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.long(
    proved_by="counting/test_stats.py::test_4000_becomes_4001_everywhere_and_survives_a_restart"
)

SCRIPT = """
import json, sys
from koyjabo_client import Client

with Client(sys.argv[1]) as client:
    first = client.register("ayesha", "visit-1", page="/", community_id=None)
    again = client.register("ayesha", "visit-1")
    print(json.dumps([first["visit"]["ordinal"], again["visit"], client.stats()["totalVisits"]]))
"""


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that contains the sdist and the wheel."""
    folder = tmp_path_factory.mktemp("client")
    make = ["make", "python-client", f"PACKAGES={folder}"]
    subprocess.run(make, cwd=checkout, check=True, capture_output=True, timeout=120)
    return folder


def test_sdist_and_wheel_have_the_package_with_its_types(built, checkout):
    source = checkout / "clients" / "python" / "koyjabo_client"
    files = {f"koyjabo_client/{path.name}" for path in source.iterdir() if path.is_file()}
    assert "koyjabo_client/py.typed" in files
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    names = ZipFile(wheel).namelist()
    assert {name for name in names if not name.startswith("koyjabo_client-")} == files
    with tarfile.open(sdist) as packed:
        assert {name.partition("/")[2] for name in packed.getnames()} >= files | {"README.md", "pyproject.toml"}
    (metadata,) = (name for name in names if name.endswith("METADATA"))
    assert "Requires-Dist" not in ZipFile(wheel).read(metadata).decode()


def test_installed_wheel_counts_a_visit_once(built, server, tmp_path):
    venv.create(tmp_path, symlinks=True)
    python = tmp_path / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-compile", wheel]
    subprocess.run(install, check=True, timeout=120)
    command = [python, "-I", "-c", SCRIPT, f"http://127.0.0.1:{server.port}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == json.loads(done.stdout)[2] == 1
    assert json.loads(done.stdout)[1].items() >= {"ordinal": 1, "duplicate": True}.items()
