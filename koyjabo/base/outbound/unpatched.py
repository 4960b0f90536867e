"""Copies of standard library modules, for code on real threads. In a worker, the modules in `sys.modules` are patched
for the event loop (`koyjabo.server.process.patching`). On another thread they would start a second event loop, and
look up names on the wrong one.
"""

import importlib
import sys
from functools import cache
from types import ModuleType

PATCHED = ("socket", "ssl")


@cache
def unpatched(name: str) -> ModuleType:
    """A copy of the module `name`. If it imports `socket` or `ssl`, the copy refers to copies of them. Call this at
    import time, never on a real thread.
    """
    names = {*PATCHED, name}
    shared = {known: sys.modules.pop(known, None) for known in names}
    try:
        return importlib.import_module(name)
    finally:
        for shared_name, module in shared.items():
            sys.modules.pop(shared_name, None)
            if module is not None:
                sys.modules[shared_name] = module
