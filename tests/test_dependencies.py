"""Imported packages are declared, and declared packages are listed in docs/development.md."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

BY_CONTRACT = {"itsdangerous", "jinja2", "markupsafe", "pydantic-core"}
"""Documented dependencies of Flask and pydantic."""

DATA = {"tzdata"}
"""Declared but not imported."""

IMPORT = re.compile(r"^\s*(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?(?:  #.*)?$)", re.MULTILINE)
"""Finds the package of an import. `ast` takes ten times as long."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """Normalised names of the packages that pyproject.toml declares, by group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"server": project["project"]["dependencies"], **project["project"]["optional-dependencies"]}
    groups |= project["dependency-groups"]
    return {group: {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in of} for group, of in groups.items()}


def test_server_declares_each_library_that_it_imports_and_no_other():
    folders = (ROOT / "koyjabo", ROOT / "migrations")
    files = [*(file for folder in folders for file in folder.rglob("*.py")), ROOT / "config.py", ROOT / "wsgi.py"]
    names_found = (name for file in files for names in IMPORT.findall(file.read_text()) for name in names if name)
    imported = set(names_found) - {*sys.stdlib_module_names, "koyjabo", "config"}
    distributions = packages_distributions()
    libraries = {normal(distributions[name][0]) for name in imported}
    assert declared()["server"] | declared()["s3"] == (libraries - BY_CONTRACT) | DATA


def test_development_lists_each_direct_dependency_with_its_locked_version():
    locked = {
        normal(name): version
        for file in [ROOT / "requirements.txt", *(ROOT / "requirements").iterdir()]
        for name, version in re.findall(r"^([\w.-]+)==([^ ;]+)", file.read_text(), re.MULTILINE)
    }
    versions = {name: locked[name] for group in declared().values() for name in group}
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    of_pages = {**packages[""]["dependencies"], **packages[""]["devDependencies"]}
    versions |= {name: packages[f"node_modules/{name}"]["version"] for name in of_pages}
    text = (ROOT / "docs" / "development.md").read_text().partition("## Dependencies")[2]
    rows = re.findall(r"^([@\w./-]+) ([\d.]+) \(\S.*, \d{4}-\d\d-\d\d\): \S.*$", text, re.MULTILINE)
    assert {name if name in of_pages else normal(name): version for name, version in rows} == versions
