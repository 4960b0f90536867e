"""What a run takes from the machine, and what it must not take: the table *machine* (`matrix.machine`)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import psutil

from koyjabo.base.settings.schema import Settings

MAX_PROCESSES = 3
PROCESS_BYTES = 850_000_000
"""Memory of a test process with the programs that it starts. Three need 1.9 GB together at most."""

MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with a container's limit, for both versions of cgroups."""

USERS_OWN = re.compile(
    "(?i).*_proxy|flask_.*|git_.*|lc_.*|lang|language|(force|no)_color|py_colors|columns|lines|pytest_addopts"
    "|python(?!path|pycacheprefix).*"
)
"""Environment variables that change what clients, Git, Flask, pytest or Python do."""


def forget_users_variables() -> None:
    """Remove settings and other variables of the user, which would reach the tests and the servers that they start."""
    for name in list(os.environ):
        if USERS_OWN.fullmatch(name) or name.removesuffix("_FILE").lower() in Settings.model_fields:
            del os.environ[name]


def process_count() -> int:
    """How many test processes the memory is enough for, up to MAX_PROCESSES."""
    sizes = [psutil.virtual_memory().total]
    for file in map(Path, MEMORY_LIMITS):
        with suppress(OSError, ValueError):  # there is no such file, or no limit
            sizes.append(int(file.read_text()))
    return max(1, min(MAX_PROCESSES, min(sizes) // PROCESS_BYTES))
