"""Write the lists of settings in other files: `make settings`.

The settings come from `Settings`. In docs/settings.md, the text between the tables stays. compose.yaml passes on each
setting that it does not set itself, from a comment on.
"""

from __future__ import annotations

import re
from pathlib import Path

from koyjabo.base.settings.schema import Settings, written

ROOT = Path(__file__).resolve().parents[1]
ENV_EXAMPLE, SETTINGS_PAGE, COMPOSE = ".env.example", "docs/settings.md", "compose.yaml"
FILES = (ENV_EXAMPLE, SETTINGS_PAGE, COMPOSE)

SECTIONS = {
    "SITE_NAME": "On the page *Server*",
    "ENVIRONMENT": "Server",
    "STARTING_TOTAL": "Counting and updates",
    "RATE_LIMIT_REGISTRATIONS": "Limits",
    "BRIDGES": "Other apps",
    "GEOIP_DATABASE": "Cities",
}
"""Sections of the lists, by the setting in `Settings` that begins them."""

ENV_HEADER = """\
# Copy to .env for development; in production set these in the host's environment.
# Each line shows the default; docs/settings.md explains the settings.
"""
TABLE_HEADER = "| setting | default | meaning |\n| --- | --- | --- |\n"
PASSED_ON = "      # All others are passed on (make settings writes these lines).\n"
OF_THE_IMAGE = {"HOST", "PORT"}
"""Settings of the image. nginx knows the port."""

OTHER_HOSTS = {"ALLOW_EPHEMERAL_STORAGE", "SECRET_KEY_FILE"}
"""Settings for Render and compose.caddy.yaml."""


def text_of(file: str) -> str:
    """The text of one of FILES with the lists of today's settings."""
    text = (ROOT / file).read_text()
    if file == ENV_EXAMPLE:
        return ENV_HEADER + "".join(env_section(*section) for section in sections().items())
    return with_tables(text) if file == SETTINGS_PAGE else with_passed_on(text)


def sections() -> dict[str, list[str]]:
    """The names of the settings in each section."""
    names: dict[str, list[str]] = {}
    section = ""
    for name in map(str.upper, Settings.model_fields):
        section = SECTIONS.get(name, section)
        names.setdefault(section, []).append(name)
    return names


def env_section(section: str, names: list[str]) -> str:
    lines = (f"# {name}={default(name)}\n" for name in names)
    return f"\n# {section.replace('*', '')}\n{''.join(lines)}"


def with_tables(text: str) -> str:
    """The text of docs/settings.md with new tables. Raises ValueError if a section has no table."""
    for section, names in sections().items():
        before, heading, after = text.partition(f"## {section}\n")
        introduction, header, rest = after.partition(TABLE_HEADER)
        if not header or "\n## " in introduction:
            raise ValueError(f"{SETTINGS_PAGE} has no table in the section {section!r}.")
        _, blank, following = rest.partition("\n\n")
        text = f"{before}{heading}{introduction}{header}{''.join(map(row, names))}{blank[:1]}{following}"
    return text


def row(name: str) -> str:
    value = default(name)
    meaning = Settings.model_fields[name.lower()].description
    return f"| `{name}` | {f'`{value}`' if value else ''} | {meaning} |\n"


def with_passed_on(text: str) -> str:
    """The text of compose.yaml, whose lines from PASSED_ON to the next key are new."""
    before, comment, after = text.partition(PASSED_ON)
    _, key, following = after.partition("    volumes:\n")
    set_here = set(re.findall(r"^      ([A-Z_]+):", before, re.MULTILINE)) | OF_THE_IMAGE | OTHER_HOSTS
    names = map(str.upper, Settings.model_fields)
    lines = "".join(f"      {name}: ${{{name}:-}}\n" for name in names if name not in set_here)
    return f"{before}{comment}{lines}{key}{following}"


def default(name: str) -> str:
    return written(Settings.model_fields[name.lower()].default)


def main() -> None:
    for file in FILES:
        (ROOT / file).write_text(text_of(file))


if __name__ == "__main__":
    main()
