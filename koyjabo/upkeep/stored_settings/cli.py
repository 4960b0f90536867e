"""`koyjabo settings …`"""

import json

import click

from koyjabo.base.core.command_line import application
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.schema import Settings
from .stored_settings import StoredSettings


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects with name, source and value.")
@click.pass_context
def settings(context: click.Context, as_json: bool) -> None:
    """List all settings, or change one.

    The list has name, source (environment, page or default) and value. A secret is shown as (hidden). `set` and `unset`
    change what the page Server changes. A running server applies it within 3 seconds.
    """
    if context.invoked_subcommand:
        return
    with application() as services:
        stored = services[StoredSettings]
        rows = [
            (name, stored.source(name), _shown(stored.settings, name)) for name in map(str.upper, Settings.model_fields)
        ]
    if as_json:
        click.echo(
            json.dumps([dict(zip(("name", "source", "value"), row, strict=True)) for row in rows], ensure_ascii=False)
        )
    else:
        for row in rows:
            click.echo(" ".join(row).rstrip())


@settings.command("set")
@click.argument("name")
@click.argument("value")
def set_value(name: str, value: str) -> None:
    """Store VALUE for NAME, such as TIMEZONE Asia/Kolkata."""
    _change(name, value)
    click.echo(f"Set {name.upper()}.")


@settings.command()
@click.argument("name")
def unset(name: str) -> None:
    """Restore the default of NAME."""
    _change(name, "")
    click.echo(f"Unset {name.upper()}.")


def _change(name: str, value: str) -> None:
    with application() as services:
        try:
            services[StoredSettings].change(OPERATOR, **{name.upper(): value})
        except InvalidInput as error:
            if not (why := error.details.get(name.upper())):
                raise
            raise click.ClickException(why if why.endswith(".") else f"{name.upper()} {why}.") from None


def _shown(settings: Settings, name: str) -> str:
    value = settings.text_of(name)
    return "(hidden)" if value and settings.is_secret(name) else value
