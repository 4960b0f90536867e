"""Print each cell of all tables, and each premise, as a line of JSON. Names of tables as arguments print only those."""

from __future__ import annotations

import json
import sys

from matrix.premises import PREMISES
from matrix.tables import TABLES


def main() -> None:
    rows = {table.name: (*table.cells, *table.empty_cells) for table in TABLES} | {"premises": PREMISES}
    for name in sys.argv[1:] or rows:
        for row in rows[name]:
            sys.stdout.write(f"{json.dumps(row.as_json(), ensure_ascii=False)}\n")


if __name__ == "__main__":
    main()
