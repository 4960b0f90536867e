"""The files of the project, in a clone and in an unpacked archive."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory


def files_of(root: Path, *patterns: str, ignored: bool = False) -> list[str]:
    """Paths below `root` that no `.gitignore` excludes, or that one excludes. `patterns` are git's, as in `docs/*.md`.

    An empty repository reads them, so `root` needs none. Raises FileNotFoundError if git is not installed.
    """
    with TemporaryDirectory() as repository:
        git = ("git", f"--git-dir={repository}", f"--work-tree={root}")
        subprocess.run((*git, "init", "--quiet"), check=True, capture_output=True)
        which = ("--others", *(["--ignored"] if ignored else []), "--exclude-per-directory=.gitignore")
        command = (*git, "ls-files", "-z", *which, "--", *patterns)
        return sorted(
            subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]
        )
