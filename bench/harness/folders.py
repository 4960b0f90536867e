"""Where the benchmarks find and put things."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
CACHE = BENCH / ".cache"
RESULTS = BENCH / "results"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, beside the checkout: a temporary folder may be in memory, where a commit costs nothing."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
        yield Path(folder)
