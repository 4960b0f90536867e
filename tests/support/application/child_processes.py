"""Forks the processes of `koyjabo.jobs.child_process` from a template: each import of the product takes a second."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

from koyjabo.jobs import child_process
from support.programs.forking import TEMPLATES, Program, Starting


class ForkingOs:
    """Replaces `os` in that module."""

    def __init__(self) -> None:
        self._forked: dict[int, Program] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def posix_spawn(
        self,
        path: str,
        command: Sequence[str],
        environment: dict[str, str],
        file_actions: Sequence[tuple[int, int, int]],
        **options: Any,
    ) -> int:
        if Starting.is_honest or not command[2].startswith("koyjabo."):
            return os.posix_spawn(path, command, environment, file_actions=file_actions, **options)
        stdin, stdout, *inherited = (source for _, source, _ in file_actions)
        files = [io.FileIO(number, closefd=False) for number in (stdin, stdout, 2, *inherited)]
        program = TEMPLATES["commands"].start(tuple(command[1:]), environment, tuple(files))
        self._forked[program.pid] = program
        return program.pid

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        """The exit status of a forked process, in the form of os.waitpid."""
        program = self._forked.pop(pid, None)
        if program is None:
            return os.waitpid(pid, options)
        status = program.wait()
        return pid, status << 8 if status >= 0 else -status


def fork_child_processes() -> None:
    """Fork them in this process, except in tests marked `honest_start`."""
    child_process.os = ForkingOs()  # type: ignore[assignment, attr-defined]
