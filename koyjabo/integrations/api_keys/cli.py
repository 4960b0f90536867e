"""`koyjabo key …`"""

from typing import Any

import click

from koyjabo.base.core.clock import iso
from koyjabo.base.core.command_line import application
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.moments import MOMENT_FORMAT, moment_of
from .api_keys import KEY_SCOPES, ApiKeys


@click.group()
def key() -> None:
    """Manage API keys. A running server applies changes at once."""


def _moment(context: Any, parameter: Any, value: str | None) -> int | None:
    if value is None:
        return None
    at_ms = moment_of(int(value) if value.isascii() and value.isdigit() else value)
    if at_ms is None:
        raise click.BadParameter(f"{MOMENT_FORMAT}.")
    return at_ms


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([*KEY_SCOPES]),
    help="Repeat for several scopes.",
)
@click.option("--community", metavar="ID", help="The community that the key is limited to. Default: the whole site.")
@click.option("--expires", metavar="TIME", callback=_moment, help="For example 2027-12-31T18:00:00Z. Default: never.")
def create(name: str, scopes: tuple[str, ...], community: str | None, expires: int | None) -> None:
    """Create an API key called NAME, and print it. It is not shown again."""
    with application("new") as services:
        try:
            community_id = services.identities.community_id_if_any(community)
            new_key, text = services[ApiKeys].create(OPERATOR, name, scopes, community_id, expires)
        except InvalidInput as error:
            raise click.ClickException("; ".join(f"{field} {why}" for field, why in error.details.items())) from None
    click.echo(f"Created {new_key.prefix}_… for {new_key.name}. This key is not shown again:", err=True)
    click.echo(text)


@key.command("list")
def list_keys() -> None:
    """List all keys except revoked ones, newest first."""
    with application() as services:
        for key in services[ApiKeys].all(OPERATOR):
            ends = f"until {iso(key.expires_ms)}" if key.expires_ms else "without an end"
            used = f"used {iso(key.last_used_ms)}" if key.last_used_ms else "never used"
            scopes, community = ",".join(key.scopes.split()), key.community.name if key.community else "site"
            click.echo("  ".join([key.id, key.prefix, scopes, community, ends, used, key.name]))


@key.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Revoke a key. All further calls with it fail. `key list` shows its id."""
    with application() as services:
        revoked = services[ApiKeys].revoke(OPERATOR, key_id)
    click.echo(f"Revoked {revoked.prefix}_… of {revoked.name}.")
