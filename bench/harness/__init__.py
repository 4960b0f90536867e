"""Shared parts of the benchmarks: servers, clients, tables. Databases and programs come from the tests (`support`), and
the form of result files from `tools/figures.py`.
"""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[2] / name) for name in ("tests", "tools")]
