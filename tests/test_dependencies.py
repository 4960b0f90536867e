"""Imported packages are declared, and a tool lists the installed ones."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

BY_CONTRACT = {"itsdangerous", "jinja2", "markupsafe", "pydantic-core"}  # documented dependencies of Flask and pydantic
DATA = {"crawler-user-agents", "tzdata"}  # declared but not imported
IMPORT = re.compile(r"^\s*(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?(?:  #.*)?$)", re.MULTILINE)
"""Finds the package of an import. `ast` takes ten times as long."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """Normalised names of the packages that pyproject.toml declares, by group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"server": project["project"]["dependencies"], **project["dependency-groups"]}
    return {group: {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in of} for group, of in groups.items()}


def test_the_server_declares_each_library_that_it_imports_and_no_other():
    folders = (ROOT / "koyjabo", ROOT / "migrations")
    files = [*(file for folder in folders for file in folder.rglob("*.py")), ROOT / "config.py", ROOT / "wsgi.py"]
    names_found = (name for file in files for names in IMPORT.findall(file.read_text()) for name in names if name)
    imported = set(names_found) - {*sys.stdlib_module_names, "koyjabo", "config"}
    distributions = packages_distributions()
    libraries = {normal(distributions[name][0]) for name in imported}
    assert declared()["server"] == (libraries - BY_CONTRACT) | DATA
