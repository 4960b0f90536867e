"""The formats of files with visits, as the command line names them."""

from __future__ import annotations

from pathlib import Path

import click

kind = click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl"]), help="Format of FILE. Default: by its name."
)


def kind_of(file: Path) -> str:
    """By the name of a file."""
    by_suffix = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(file.suffix.lower())
    if by_suffix is None:
        raise click.UsageError("Give --format csv or --format jsonl: the name of the file does not show it.")
    return by_suffix
