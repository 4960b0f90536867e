"""Reads the mutations from the files next to this one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Mutation:
    """One change to the product. Tests are named `folder/test_module.py::test_name`, below `tests/`."""

    area: str
    name: str
    file: str
    before: str
    after: str
    quick: tuple[str, ...]
    """Tests in the quick run that must fail with this change."""
    full: tuple[str, ...] = ()
    """Tests in the full run that must also fail."""

    @property
    def tests(self) -> tuple[str, ...]:
        return self.quick + self.full

    def apply(self, root: Path) -> None:
        """Change the file below `root`. Raises ValueError unless the text occurs exactly once."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: {self.file} contains its text {text.count(self.before)} times, not once")
        path.write_text(text.replace(self.before, self.after))


def mutations(area: str = "") -> list[Mutation]:
    """The mutations of one area, or all."""
    selected = []
    for path in sorted(FOLDER.glob(f"{area or '*'}.toml")):
        for given in tomllib.loads(path.read_text())["mutation"]:
            lists = {"quick": tuple(given["quick"]), "full": tuple(given.get("full", ()))}
            selected.append(Mutation(path.stem, **{**given, **lists}))
    return selected
