"""What the benchmarks share: servers, clients, tables. Databases and programs are those of the tests (`support`)."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
