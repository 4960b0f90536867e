"""Print the name, version and licence of each installed Python package and each locked npm package."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    for package in sorted(distributions(), key=lambda package: package.name.lower()):
        sys.stdout.write(f"{package.name} {package.version} ({licence(package.metadata)})\n")
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for path, fields in locked.items():
        if path:  # "" is the project
            name = path.rpartition("node_modules/")[2]
            sys.stdout.write(f"{name} {fields['version']} ({fields.get('license', 'unknown')})\n")


def licence(metadata: PackageMetadata) -> str:
    """The first of: SPDX expression, first line of the licence, classifier, "unknown"."""
    names = ("License-Expression", "License", "Classifier")
    expressions, texts, classifiers = (metadata.get_all(name, []) for name in names)
    licences = [name.rpartition(" :: ")[2] for name in reversed(classifiers) if name.startswith("License")]
    text: str = next(text for text in (*expressions, *texts, *licences, "unknown") if text)
    return text.strip().splitlines()[0]


if __name__ == "__main__":
    main()
