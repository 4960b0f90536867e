"""The folder where a server's workers share their counts (`koyjabo.base.observability.metrics`). A new one is created
at each start.

prometheus-client maps its files into memory without reserving disk space. If the disk is full, the first write to a
page kills the process (SIGBUS). So the folder is in memory if possible, and the space of every file is reserved before
the file is mapped. This relies on the file names of prometheus-client (0.26.0), and on the fact that it does not change
the size of existing files.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

FOLDER_PREFIX, COUNTS_LOCK = "koyjabo-counts-", "lock"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
IN_MEMORY = "/dev/shm"
METRIC_KINDS = ("counter", "histogram")
FILE_BYTES = 64 * 1024
"""Size of each file (one per kind and worker), bytes. This is enough, because the number of labels is limited."""


def create() -> int:
    """Create the folder, and set the environment variable for all workers. Returns a descriptor that the parent and its
    workers keep open: it locks the folder. If the folder cannot be created, each worker reports only its own counts.
    """
    os.environ.pop(FOLDER_VARIABLE, None)
    try:
        _remove_abandoned()
        os.environ[FOLDER_VARIABLE], lock = _locked_folder()
    except OSError:
        return os.open(os.devnull, os.O_RDONLY)
    return lock


def remove() -> None:
    if folder := os.environ.pop(FOLDER_VARIABLE, None):
        shutil.rmtree(folder, ignore_errors=True)


def keep_if_there() -> None:
    """Reserve the files of a new worker. If the folder was removed or the disk is full, unset the environment variable,
    so that the worker reports only its own counts.
    """
    folder = Path(os.environ.get(FOLDER_VARIABLE) or "/nowhere")
    try:
        for kind in METRIC_KINDS:
            _reserve(folder / f"{kind}_{os.environ['KOYJABO_WORKER']}.db")
    except OSError:
        os.environ.pop(FOLDER_VARIABLE, None)


def _reserve(file: Path) -> None:
    """Create a file with reserved space, unless a previous worker has. If this raises OSError, no file is left."""
    if file.exists():
        return
    draft = file.with_suffix(".draft")  # other workers read all files that have the final suffix
    try:
        with draft.open("wb") as reserved:
            reserved.write(bytes(FILE_BYTES))  # not `truncate`, which reserves nothing
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _locked_folder() -> tuple[str, int]:
    """A new folder, and its lock, which is held while the parent or one of its workers runs. Raises OSError."""
    while True:
        folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=_parent_folder())
        lock = os.open(Path(folder) / COUNTS_LOCK, os.O_WRONLY | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(folder):
            return folder, lock
        os.close(lock)  # until it was locked, a server that starts at the same time considered it abandoned


def _parent_folder() -> str:
    """TMPDIR if the operator has set it; otherwise a folder in memory if there is one."""
    if "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return IN_MEMORY
    return tempfile.gettempdir()


def _remove_abandoned() -> None:
    """Remove the folders of killed servers. Their locks are free."""
    for lock in Path(_parent_folder()).glob(f"{FOLDER_PREFIX}*/{COUNTS_LOCK}"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
