"""Makes the program's files so that the server's user can use them, even if root runs a command (`sudo`)."""

import os
import stat
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path

_models: list[Path] = []
"""The database file or SECRET_KEY_FILE, whose owner runs the server."""


def follow(model: Path) -> None:
    """Give what root makes from now on to the owner of this file, once it exists."""
    _models[:] = [model]


def give(file: int, path: Path) -> None:
    """Give a file or folder that root has made to the owner of the data, or of its folder. Does nothing for other
    users, for their files, and on file systems without owners.
    """
    status = os.fstat(file)
    if os.geteuid() or status.st_uid or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
        return
    with suppress(OSError):
        model = next(filter(os.path.exists, (model for model in _models if model != path)), path.absolute().parent)
        owner = os.stat(model)
        os.fchown(file, owner.st_uid, owner.st_gid)


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can use, and its missing parents. Idempotent. Raises OSError."""
    if path.is_dir():
        return
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    give(folder, path)
    os.close(folder)


def create(path: Path) -> int:
    """Create a file that only its owner can use, and return its descriptor. Raises OSError, such as FileExistsError."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    give(file, path)
    return file


def open_lock(path: Path) -> int:
    """Open a file that processes lock, or create it. Replaces one that this user can neither read nor write: root made
    it with an earlier version. Raises OSError, which names the remedy if the folder does not allow that.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if os.geteuid() else os.O_NOFOLLOW)
    try:
        file = os.open(path, flags, 0o600)
    except PermissionError as error:
        if os.access(path, os.R_OK) or not path.exists():
            raise
        owner = f"{os.geteuid()}:{os.getegid()}"
        reason = f"{error.strerror}: it belongs to user {path.stat().st_uid}. Run `chown {owner} {path}`"
        try:
            path.unlink()
        except OSError:
            raise PermissionError(error.errno, reason, str(path)) from None
        file = os.open(path, flags, 0o600)
    give(file, path)
    return file


def reason_of_system(error: OSError, folder: Path | str) -> str:
    """The system's reason. Names a lack of inodes, which it calls a full disk."""
    if error.errno == ENOSPC:
        with suppress(OSError):
            state = os.statvfs(folder)
            if state.f_files and not state.f_favail:
                return "no free inodes: remove files there"
    return error.strerror or str(error)
