"""`make check` runs this: it lists what to rewrite, and fails."""

from __future__ import annotations

import sys
from pathlib import Path

from prose.budgets import complaints
from prose.passages import passages_of

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    lines = complaints(ROOT, passages_of(ROOT))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
