"""Writes a program that fills every registry, so that mypy compares the types: it cannot read references (`FILLS`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koyjabo.application.features import packages


def main(path: Path) -> None:
    lines: list[str] = []
    for package in packages():
        for registry, entries in getattr(package, "FILLS", {}).items():
            for name, reference in (("registry", f"koyjabo.{registry}"), ("entries", f"{package.__name__}.{entries}")):
                module, _, constant = reference.partition(":")
                lines.append(f"from {module} import {constant} as {name}_{len(lines) // 3}")
            lines.append(f"registry_{len(lines) // 3}.fill(entries_{len(lines) // 3})")
    path.write_text("\n".join((*lines, "")))


main(Path(sys.argv[1]))
