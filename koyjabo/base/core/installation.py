"""The program's version, folders and command, in a checkout or an installed wheel."""

import os
import shutil
import sys
from pathlib import Path

from .sanitize import stripped

VERSION = "1.0.0"
"""The only definition of the version; pyproject.toml reads it."""

RELEASE_DAY = "2026-11-21"
"""The day of this version's release. `make release` writes it from the changelog."""

_PACKAGE = Path(__file__).resolve().parents[2]
_CHECKOUT = _PACKAGE.parent
_SHIPPED_MIGRATIONS = _PACKAGE / "migrations"


HOME = "KOYJABO_HOME"
"""Environment variable with the folder that contains `instance/` and `.env`, set by `koyjabo` without arguments."""


def migrations() -> Path:
    """The migrations folder: next to the package in a checkout, inside it in an installed wheel."""
    return _SHIPPED_MIGRATIONS if _is_wheel() else _CHECKOUT / "migrations"


def documents() -> Path:
    """The folder of docs/ and the changelog: the checkout, or the package in an installed wheel."""
    return _PACKAGE if _is_wheel() else _CHECKOUT


def home() -> Path:
    """The folder that contains `instance/` and `.env`: HOME, or the checkout, or the working directory if the program
    is installed.
    """
    given = os.environ.get(HOME, "")
    if folder := stripped(given):
        return Path(given if os.path.isdir(given) else folder)  # earlier versions kept white space at its ends
    return Path.cwd() if _is_wheel() else _CHECKOUT


def user_data() -> Path:
    """The folder for this user's data (https://specifications.freedesktop.org/basedir-spec; macOS has another one)."""
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    default = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return (given if given.is_absolute() else Path.home() / default) / "koyjabo"


def _is_wheel() -> bool:
    return _SHIPPED_MIGRATIONS.is_dir()


def own_command() -> str:
    """Return the command as typed in the server's folder: `.venv/bin/koyjabo` in a checkout."""
    environment = Path(sys.prefix)
    is_in_checkout = environment.parent == Path.cwd() and not shutil.which("koyjabo")
    return f"{environment.name}/bin/koyjabo" if is_in_checkout else "koyjabo"
