"""What a run takes from the machine: its memory, and few of the user's variables (`matrix.machine`)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import psutil

from koyjabo.base.settings.schema import Settings

MAX_PROCESSES, PROCESS_BYTES = 3, 850_000_000
"""Test processes, and the memory of one with all that it starts. Three need 1.9 GB at most."""

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
OWN_VARIABLES = re.compile(
    "(?i).*_proxy|flask_.*|git_.*|lc_.*|lang|language|(force|no)_color|py_colors|columns|lines|pytest_addopts"
    "|python(?!path|pycacheprefix).*"
)
"""Variables that change what HTTP clients, Flask, Git, pytest or Python do."""


def forget_users_variables() -> None:
    """Remove these and settings, which would otherwise reach test processes and servers."""
    for name in list(os.environ):
        if OWN_VARIABLES.fullmatch(name) or name.removesuffix("_FILE").lower() in Settings.model_fields:
            del os.environ[name]


def process_count() -> int:
    """How many test processes the memory of the machine or container is enough for."""
    sizes = [psutil.virtual_memory().total]
    for file in CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # there is no such file, or no limit
            sizes.append(int(Path(file).read_text()))
    return max(1, min(MAX_PROCESSES, min(sizes) // PROCESS_BYTES))
