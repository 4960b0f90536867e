"""Settings that are loaded without the environment of the machine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs.installed import program

import config
from koyjabo.base.settings.schema import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Remove the machine's settings from the environment, and use the test's `.env`."""
    for name in (*(str(field.alias) for field in Settings.model_fields.values()), "RENDER", "DYNO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "ROOT", tmp_path)


@pytest.fixture
def load(tmp_path):
    """Load these settings, with files in a new folder."""
    return lambda **overrides: config.load(overrides, instance=tmp_path / "instance")


@pytest.fixture
def exfat_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with exFAT, which has no hard links, owners or modes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, image = program("mount.exfat-fuse"), folder.with_suffix(".image")
    image.write_bytes(bytes(16 * 1024 * 1024))
    subprocess.run([program("mkfs.exfat"), image], check=True, capture_output=True)
    attached = subprocess.run(["losetup", "-f", "--show", image], check=False, capture_output=True, text=True)
    if attached.returncode:
        pytest.skip("the right to mount a disk is missing: `sudo make test-all` has it")
    device = attached.stdout.strip()
    subprocess.run([mount, device, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        subprocess.run(["losetup", "-d", device], check=True)
