"""Name each locked line without a wheel on a machine that the project promises to run on. `make lock` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")

PLATFORMS = {  # names of uv; wheels for an older glibc are found as well
    "Linux on amd64": "x86_64-manylinux_2_28",
    "Linux on arm64": "aarch64-manylinux_2_28",
    "macOS on Apple silicon": "aarch64-apple-darwin",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OPTIONS = ("--dry-run", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", ".venv/none", "-q")

LINE = re.compile(r"^(\S+==\S+.*?) ?\\\n(?:.*\\\n)*.*\n", re.MULTILINE)
REFUSED = re.compile(r"Because ([^\s=\[]+)\S*==")


def main() -> int:
    files = sys.argv[1:] or ["requirements.txt", *map(str, sorted(ROOT.glob("requirements/*.txt")))]
    texts = ((ROOT / file).read_text() for file in files)
    lines = {match[1]: match[0] for text in texts for match in LINE.finditer(text)}
    missing = [complaint for machine in product(PLATFORMS, PYTHONS) for complaint in complaints_of(lines, *machine)]
    sys.stdout.write("".join(f"{complaint}\n" for complaint in missing))
    sys.stdout.write(
        f"{len(lines)} locked lines, {len(PLATFORMS) * len(PYTHONS)} machines, {len(missing)} wheels missing\n"
    )
    return 1 if missing else 0


def complaints_of(lines: dict[str, str], platform: str, python: str) -> Iterator[str]:
    """A sentence for each line that no locked wheel fits. uv names only the first, so the rest is asked again."""
    left = dict(lines)
    while error := refusal(left, PLATFORMS[platform], python):
        match = REFUSED.search(error)
        if match is None:
            raise SystemExit(error)
        for line in [line for line in left if re.split(r"[\[=]", line)[0] == match[1]]:
            del left[line]
            yield f"{line} has no wheel for {platform} with Python {python}"


def refusal(lines: dict[str, str], platform: str, python: str) -> str:
    """What uv says against an installation of the lines, or nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(lines.values()))
        file.flush()
        machine = ("--python", sys.executable, "--python-platform", platform, "--python-version", python)
        command = (UV, "pip", "install", *OPTIONS, *machine, "-r", file.name)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return done.stderr if done.returncode else ""


if __name__ == "__main__":
    raise SystemExit(main())
