"""The product's server without the Linux features that macOS lacks, as far as its own code could use them.

Run as a program, it hides these names before importing anything else.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType

HIDDEN: dict[ModuleType, str] = {
    os: """copy_file_range dup3 eventfd fdatasync getrandom memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate
        sched_getaffinity sched_setaffinity splice""",
    select: "epoll EPOLLIN EPOLLOUT EPOLLERR EPOLLHUP EPOLLET",
    signal: "sigtimedwait sigwaitinfo",
    socket: "SOCK_CLOEXEC SOCK_NONBLOCK SOCK_SEQPACKET SO_PEERCRED TCP_CORK TCP_KEEPIDLE TCP_QUICKACK TCP_USER_TIMEOUT",
}
"""Names that typeshed marks as Linux-only, by module."""

MAX_FILES = 10_240


def limit_files() -> None:
    """Behave like macOS: the open file limit reads as unlimited, but cannot be raised above another limit."""
    set_limit, of_processes = resource.setrlimit, resource.getrlimit

    def setrlimit(kind: int, limits: tuple[int, int]) -> None:
        if kind == resource.RLIMIT_NOFILE and limits[0] > MAX_FILES:
            raise ValueError("current limit exceeds maximum limit")
        set_limit(kind, (limits[0], of_processes(kind)[1]))

    set_limit(resource.RLIMIT_NOFILE, (min(1024, MAX_FILES), of_processes(resource.RLIMIT_NOFILE)[1]))
    resource.setrlimit = setrlimit
    soft = of_processes(resource.RLIMIT_NOFILE)[0]
    resource.getrlimit = lambda kind: (soft, resource.RLIM_INFINITY)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    for module, names in HIDDEN.items():
        for name in names.split():
            vars(module).pop(name, None)
    limit_files()

    from koyjabo.server import serve

    sys.exit(serve())
else:
    from support.servers.server import Server

    class MacServer(Server):
        program = (__file__,)
