"""`koyjabo user …`"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from koyjabo.accounts import credential_rules
from koyjabo.cli import application, main
from koyjabo.identity import OPERATOR


@main.group()
def user() -> None:
    """People with an account. What is changed here is felt by a running server at once."""


def _checked(rule: Callable[[str], str]) -> Callable[[Any, Any, str], str]:
    def check(context: Any, parameter: Any, value: str) -> str:
        try:
            return rule(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from None

    return check


email = click.argument("email", callback=_checked(credential_rules.email))
from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, not a prompt.")


@user.command()
@email
@click.option("--name", help="What others see; what stands before the @, if not given.")
@click.option("--admin", is_flag=True, help="Admin of the site, and so of every community.")
@from_stdin
def create(email: str, name: str | None, admin: bool, password_stdin: bool) -> None:
    """Make an account for EMAIL."""
    password = _password(password_stdin)
    with application() as services:
        account = services.accounts.credentials.create(email, password, name, is_admin=admin)
    click.echo(f"Made {account.email}{', an admin of the site' if admin else ''}.")


@user.command("password")
@email
@from_stdin
def set_password(email: str, password_stdin: bool) -> None:
    """Give EMAIL another password, and log them out everywhere."""
    password = _password(password_stdin)
    with application() as services:
        account = services.accounts.credentials.set_password(email, password)
    click.echo(f"{account.email} has another password, and is logged out everywhere.")


@user.command()
@email
@click.option("--demote", is_flag=True, help="The reverse.")
def promote(email: str, demote: bool) -> None:
    """Make EMAIL an admin of the site."""
    with application() as services:
        user = services.accounts.users.get_by_email(OPERATOR, email)
        services.accounts.users.promote(OPERATOR, user.id, is_admin=not demote)
    click.echo(f"{user.email} is {'no' if demote else 'an'} admin of the site{' any more' if demote else ''}.")


@user.command()
@email
@click.option("--enable", is_flag=True, help="The reverse: they may log in again.")
def disable(email: str, enable: bool) -> None:
    """Log EMAIL out everywhere, and let them in no more."""
    with application() as services:
        user = services.accounts.users.get_by_email(OPERATOR, email)
        services.accounts.users.disable(OPERATOR, user.id, disabled=not enable)
    click.echo(f"{user.email} {'may log in again' if enable else 'is logged out everywhere, and cannot log in'}.")


def _password(from_stdin: bool) -> str:
    """Asked for twice at a terminal; a line of standard input is one."""
    said = (
        sys.stdin.buffer.readline().decode(errors="surrogateescape").rstrip("\r\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    try:
        return credential_rules.password(said)
    except ValueError as error:
        raise click.ClickException(f"The password {error}.") from None
