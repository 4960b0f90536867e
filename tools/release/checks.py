"""Checks of packages before they are published."""

from __future__ import annotations

import json
import re
import tarfile
from importlib.metadata import version as installed_version
from pathlib import Path
from zipfile import ZipFile

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from release.builds import names, wheel_of_sdist


class Refusal(Exception):
    """The message explains what to do first."""


VERSION = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)
RELEASE_DAY = re.compile(r'^RELEASE_DAY = "(.+)"$', re.MULTILINE)
ENTRY = re.compile(r"^## \[(.+?)\](?: - (\S+))?$", re.MULTILINE)
SOURCE = "koyjabo/base/core/installation.py"
NPM = ("clients/js/package.json", "clients/react/package.json", "clients/react/package-lock.json")


def versions(root: Path) -> dict[str, str]:
    """The version in each file that has one, by path."""
    match = VERSION.search((root / SOURCE).read_text())
    by_file = {SOURCE: match[1] if match else ""}
    by_file |= {name: str(json.loads((root / name).read_text())["version"]) for name in NPM}
    by_file["CHANGELOG.md"] = next((entry for entry, _ in _entries(root) if entry != "Unreleased"), "")
    return by_file


def agreed_version(root: Path) -> str:
    """The version that all files agree on. Raises Refusal if they do not."""
    by_file = versions(root)
    if len(set(by_file.values())) > 1:
        lines = "\n".join(f"  {version or 'none'}  {name}" for name, version in by_file.items())
        raise Refusal(f"The versions differ. Set all of them to the version to be released:\n{lines}")
    return by_file[SOURCE]


def write_release_day(root: Path) -> None:
    """Write the date of the newest release to the package. Raises Refusal if it was another one, so that the change is
    committed first.
    """
    day = next((date for entry, date in _entries(root) if entry != "Unreleased"), "")
    source = (root / SOURCE).read_text()
    if RELEASE_DAY.findall(source) != [day]:
        (root / SOURCE).write_text(RELEASE_DAY.sub(f'RELEASE_DAY = "{day}"', source))
        raise Refusal(f"The day of the release, {day}, was written to {SOURCE}. Commit it, then run this again.")


def changes_without_release(root: Path) -> str:
    """The text below "Unreleased" in the changelog, or ""."""
    text = (root / "CHANGELOG.md").read_text()
    first, *later = ENTRY.finditer(text)
    if first[1] != "Unreleased":
        return ""
    return text[first.end() : later[0].start() if later else len(text)].strip()


def _entries(root: Path) -> list[tuple[str, str]]:
    """Version and date of each entry of the changelog, newest first."""
    return ENTRY.findall((root / "CHANGELOG.md").read_text())


MB = 1_000_000
SIZES = {
    "wheel": (5 * MB, 20 * MB),
    "sdist": (5 * MB, 20 * MB),
    "npm": (5_000, MB // 10),
    "npm react": (5_000, MB // 10),
}
"""Minimum and maximum size, in bytes. Outside these limits, files are missing or extra files were added."""

FORBIDDEN = re.compile(
    r"(^|/)(__pycache__|node_modules|tests?|instance|\.git|\.venv|\.env|secret_key)(/|$)|\.(pyc|db|db-wal|pem|key|log|tgz)$"
)
NEEDED = {
    "wheel": (
        "koyjabo/static/vendor/uPlot.js",
        "koyjabo/static/min/manifest.json",
        "koyjabo/base/network/data/countries.mmdb",
        "koyjabo/base/network/data/hosting.bin",
        "koyjabo/translations/bn/LC_MESSAGES/messages.mo",
        "koyjabo/migrations/versions/0032_schema.py",
        "koyjabo/migrations/alembic.ini",
    ),
    "sdist": (
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "requirements.txt",
        "CHANGELOG.md",
        "migrations/versions/0032_schema.py",
    ),
    "npm": ("package.json", "LICENSE", "README.md", "dist/index.js", "dist/index.d.ts", "dist/all.js"),
    "npm react": ("package.json", "LICENSE", "README.md", "dist/index.js", "dist/index.d.ts"),
}


def check_files(folder: Path, version: str) -> None:
    """Check names, sizes, contents and metadata of all packages in `folder`. Raises Refusal at the first problem."""
    expected = names(version)
    if extra := {path.name for path in folder.iterdir()} ^ set(expected.values()):
        raise Refusal(f"Missing or unexpected packages: {', '.join(sorted(extra))}")
    for kind, name in expected.items():
        _check_one(kind, folder / name, version)


def _check_one(kind: str, package: Path, version: str) -> None:
    least, most = SIZES[kind]
    size = package.stat().st_size
    if not least <= size <= most:
        raise Refusal(f"{package.name} has {size:,} bytes, but should have {least:,} to {most:,}")
    files = contents(package)
    if forbidden := sorted(name for name in files if FORBIDDEN.search(name)):
        raise Refusal(f"{package.name} has files that do not belong to it: {', '.join(forbidden)}")
    if missing := sorted(set(NEEDED[kind]) - set(files)):
        raise Refusal(f"{package.name} lacks {', '.join(missing)}")
    packed_version = (
        json.loads(files["package.json"])["version"] if kind.startswith("npm") else str(_metadata(files).version)
    )
    if packed_version != version:
        raise Refusal(f"{package.name} has the version {packed_version} in its metadata")


def contents(package: Path) -> dict[str, bytes]:
    """Files of a package by name, without the archive's top folder."""
    if package.suffix == ".whl":
        with ZipFile(package) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    with tarfile.open(package) as packed:
        files = {member.name.partition("/")[2]: packed.extractfile(member) for member in packed if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def _metadata(files: dict[str, bytes]) -> Metadata:
    """Parse the metadata as strictly as PyPI does."""
    (name,) = (name for name in files if re.fullmatch(r"PKG-INFO|[^/]+\.dist-info/METADATA", name))
    return Metadata.from_email(files[name], validate=True)


def check_requirements(wheel: Path) -> None:
    """Check that the wheel's requirements allow the installed versions, which it was tested with."""
    for requirement in _metadata(contents(wheel)).requires_dist or []:
        _check_requirement(requirement)


def _check_requirement(requirement: Requirement) -> None:
    if requirement.marker and not requirement.marker.evaluate({"extra": "s3"}):
        return
    installed = installed_version(requirement.name)
    if not requirement.specifier.contains(installed, prereleases=True):
        raise Refusal(f"The wheel requires {requirement}, but was tested with {installed}")


def check_sdist(sdist: Path, wheel: Path, folder: Path, epoch_s: int) -> None:
    """Check that the sdist builds the same wheel. `folder` is empty."""
    made = wheel_of_sdist(sdist, folder, epoch_s)
    if made.read_bytes() != wheel.read_bytes():
        ours, theirs = contents(wheel), contents(made)
        differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        raise Refusal(f"{sdist.name} builds a different wheel. Differences: {', '.join(differing) or 'the packing'}")
