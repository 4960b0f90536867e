"""Shared parts of the benchmarks: servers, clients, tables. Databases and programs come from the tests (`support`)."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
