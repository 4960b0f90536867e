"""The modules that a script imports at load, read from its source: browsers find them only one after the other."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath

IMPORT = re.compile(r"""^(?:import|export)\b[^;"'(]*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)
"""Of a module of ours by a relative path; not `import()`, which loads later."""


@lru_cache(maxsize=256)
def imports_of(folder: Path, name: str, version: str, whole: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The names of all modules that `name` loads, nearest first. `version` changes with the contents of `folder`.
    Modules in `whole` are sent with all that they import.
    """
    found: dict[str, None] = {name: None}
    waiting = [name]
    while waiting:
        module = waiting.pop(0)
        source = "" if module in whole else (folder / module).read_text()
        for path in IMPORT.findall(source):
            imported = normpath(join(dirname(module), path))
            if imported not in found:
                found[imported] = None
                waiting.append(imported)
    return tuple(found)[1:]
