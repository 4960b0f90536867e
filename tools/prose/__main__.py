"""`make check` runs this: it lists what to rewrite, and fails. `--sample 60 --seed 4` prints passages to be judged."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from prose.budgets import complaints
from prose.passages import passages_of

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="prose", description=__doc__)
    parser.add_argument("--sample", type=int, help="print this many random passages instead of checking")
    parser.add_argument("--seed", type=int, default=4, help="seed of the sample (4)")
    options = parser.parse_args()
    passages = passages_of(ROOT)
    if options.sample:
        readable = [passage for passage in passages if len(passage.text.split()) >= 6]
        for number, passage in enumerate(random.Random(options.seed).sample(readable, options.sample), 1):
            sys.stdout.write(f"{number}. ({passage.kind}) {passage.text}\n\n")
        return 0
    lines = complaints(ROOT, passages)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
