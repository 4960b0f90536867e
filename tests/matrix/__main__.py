"""Print each cell of all tables as a line of JSON. Names of tables as arguments print only those."""

from __future__ import annotations

import json
import sys

from matrix.tables import TABLES


def main() -> None:
    for table in TABLES:
        if table.name in (sys.argv[1:] or [table.name]):
            for cell in (*table.cells, *table.empty_cells):
                sys.stdout.write(f"{json.dumps(cell.as_json(), ensure_ascii=False)}\n")


if __name__ == "__main__":
    main()
