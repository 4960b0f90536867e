"""`make release`: one version everywhere, from a clean checkout, reproducible, and without publishing."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.programs.processes import ROOT

from koyjabo.base.core.installation import RELEASE_DAY, VERSION
from release.builds import names
from release.checks import NPM, Refusal, agreed_version, changes_without_release, contents, versions, write_release_day

NEXT, NEXT_DAY = "9.8.7", "2026-11-22"
FILES = (*NPM, "koyjabo/base/core/installation.py", "CHANGELOG.md")
NOTES = "### Upgrade notes"
whole = pytest.mark.long(proved_by="tools/test_release.py::test_all_packages_have_the_version_of_the_newest_release")


def test_all_packages_have_the_version_of_the_newest_release():
    assert set(versions(ROOT)) == set(FILES)
    assert agreed_version(ROOT) == VERSION


def test_a_file_with_another_version_and_changes_without_a_version_are_reported(tmp_path):
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    raise_version(tmp_path, NPM[0])
    with pytest.raises(Refusal, match=rf"{re.escape(NEXT)}  {re.escape(NPM[0])}"):
        agreed_version(tmp_path)
    changelog = tmp_path / "CHANGELOG.md"
    for change in ("- A badge.", ""):
        changelog.write_text(f"# Changelog\n\n## [Unreleased]\n\n{change}\n\n## [1.0.0] - 2026-11-21\n\n- All.\n")
        assert changes_without_release(tmp_path) == change


def test_the_package_contains_the_day_of_the_newest_release(tmp_path):
    assert datetime.now(UTC).date().isoformat() >= RELEASE_DAY
    write_release_day(ROOT)
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    raise_version(tmp_path, "CHANGELOG.md")
    with pytest.raises(Refusal, match="Commit it"):
        write_release_day(tmp_path)
    write_release_day(tmp_path)
    assert f'RELEASE_DAY = "{NEXT_DAY}"' in (tmp_path / "koyjabo/base/core/installation.py").read_text()


def test_every_entry_of_the_changelog_has_upgrade_notes():
    _, *entries = re.split(r"^(?=## \[)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert [entry.splitlines()[0] for entry in entries if NOTES not in entry and len(entry.splitlines()) > 2] == []


def raise_version(root: Path, *files: str) -> None:
    for name in files:
        text = (root / name).read_text()
        if name == "CHANGELOG.md":
            text = text.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{NEXT}] - {NEXT_DAY}\n", 1)
        (root / name).write_text(text.replace(f'"{VERSION}"', f'"{NEXT}"'))


@pytest.fixture(scope="module")
def clone(checkout: Path, npm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "koyjabo"
    shutil.copytree(checkout, folder, symlinks=True)
    raise_version(folder, *FILES)
    with pytest.raises(Refusal, match="Commit it"):
        write_release_day(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", NEXT)
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A test", "-c", "user.email=test@koyjabo.example")
    return subprocess.run(("git", *who, *arguments), cwd=folder, check=True, capture_output=True, text=True).stdout


def release(clone: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release", "--to", str(folder)]
    return subprocess.run(command, cwd=clone / "tools", capture_output=True, text=True, timeout=600)


@whole
def test_a_release_makes_all_packages_reproducibly_and_leaves_the_checkout_clean(clone, tmp_path):
    folder, again = tmp_path / "dist", tmp_path / "again"
    done = release(clone, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in folder.iterdir()} == {*names(NEXT).values(), "SHA256SUMS"}
    subprocess.run(("sha256sum", "--check", "--strict", "SHA256SUMS"), cwd=folder, check=True, capture_output=True)
    assert git(clone, "status", "--porcelain") == ""
    assert "nothing was sent" in done.stdout
    for package in names(NEXT).values():
        assert f"{folder}/{package}" in done.stdout, "no command would send it"
    files = contents(folder / names(NEXT)["sdist"])
    assert {f"migrations/versions/{path.name}" for path in (ROOT / "migrations/versions").glob("*.py")} <= set(files)
    assert {"koyjabo/static/vendor/uPlot.js", "koyjabo/base/network/data/countries.mmdb"} <= set(files)
    for path in (clone / "koyjabo").rglob("*.py"):
        path.touch()
    assert release(clone, again).returncode == 0
    assert (again / "SHA256SUMS").read_text() == (folder / "SHA256SUMS").read_text()


@whole
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda clone: (clone / "new.txt").touch(), "The checkout has changes"),
        (lambda clone: (clone / "koyjabo/static/min/manifest.json").unlink(), "lacks koyjabo/static/min/manifest.json"),
        (lambda clone: (clone / "koyjabo/static/vendor/x.key").touch(), "has files that do not belong to it"),
    ],
    ids=["a file that is not in git", "an asset that is missing", "a key among the assets"],
)
def test_a_release_from_an_incomplete_or_changed_checkout_is_refused_and_writes_no_file(clone, tmp_path, change, why):
    shutil.copytree(clone, copy := tmp_path / "koyjabo", symlinks=True)
    change(copy)
    done = release(copy, tmp_path / "dist")
    assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "dist").exists()
