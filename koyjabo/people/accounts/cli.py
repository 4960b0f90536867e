"""`koyjabo user …`"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from koyjabo.base.core import credential_rules
from koyjabo.base.core.command_line import application
from koyjabo.base.core.identity import OPERATOR, SITE_ADMIN, SITE_MEMBER, SITE_ROLES
from koyjabo.people.accounts.services import AccountServices


@click.group()
def user() -> None:
    """Manage accounts. A running server applies changes at once."""


def _checked(rule: Callable[[str], str]) -> Callable[[Any, Any, str], str]:
    def check(context: Any, parameter: Any, value: str) -> str:
        try:
            return rule(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from None

    return check


email = click.argument("email", callback=_checked(credential_rules.email))
from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@user.command()
@email
@click.option("--name", help="The name that other people see. Default: the part of EMAIL before the @.")
@click.option("--admin", is_flag=True, help="Make the user a site admin, and thereby an admin of every community.")
@from_stdin
def create(email: str, name: str | None, admin: bool, password_stdin: bool) -> None:
    """Create an account for EMAIL."""
    password = _password(password_stdin)
    with application() as services:
        account = services[AccountServices].credentials.create(email, password, name, is_admin=admin)
    click.echo(f"Created {'site admin ' if admin else ''}{account.email}.")


@user.command("password")
@email
@from_stdin
def set_password(email: str, password_stdin: bool) -> None:
    """Change the password of EMAIL, log them out everywhere, and unlock the account as `user unlock` does."""
    password = _password(password_stdin)
    with application() as services:
        account = services[AccountServices].credentials.set_password(email, password)
    click.echo(f"Changed the password of {account.email}, who is now logged out everywhere.")


@user.command("role")
@email
@click.argument("role", type=click.Choice(SITE_ROLES))
def give_role(email: str, role: str) -> None:
    """Give EMAIL a role on the site. A site admin is an admin of every community. A viewer can see the panel, without
    emails and visitorIds, and cannot change anything. A member has no rights in the panel.
    """
    click.echo(f"{_set_role(email, role)} has the role {role} on this site.")


@user.command(hidden=True)
@email
@click.option("--demote", is_flag=True, help="Remove admin rights instead.")
def promote(email: str, demote: bool) -> None:
    """Do the same as `user role EMAIL admin` or, with --demote, as `user role EMAIL member`."""
    known_as = _set_role(email, SITE_MEMBER if demote else SITE_ADMIN)
    click.echo(f"{known_as} is {'no longer' if demote else 'now'} a site admin.")


@user.command()
@email
@click.option("--enable", is_flag=True, help="Allow the user to log in again instead, as `user enable` does.")
def disable(email: str, enable: bool) -> None:
    """Log EMAIL out everywhere and block further logins."""
    if enable:
        return _enable(email)
    with application() as services:
        user = services[AccountServices].users.get_by_email(OPERATOR, email)
        services[AccountServices].users.disable(OPERATOR, user.id)
    click.echo(f"{user.email} is logged out everywhere and cannot log in.")


@user.command()
@email
def enable(email: str) -> None:
    """Allow EMAIL to log in again, and unlock the account as `user unlock` does."""
    _enable(email)


@user.command()
@email
def unlock(email: str) -> None:
    """Clear all failed login attempts for EMAIL, so that they no longer block logins."""
    with application() as services:
        user = services[AccountServices].users.get_by_email(OPERATOR, email)
        services[AccountServices].users.unlock(OPERATOR, user.id)
    click.echo(f"Cleared all failed logins of {user.email}.")


def _set_role(email: str, role: str) -> str:
    """Change the role. Return the email as its owner typed it."""
    with application() as services:
        user = services[AccountServices].users.get_by_email(OPERATOR, email)
        return services[AccountServices].users.set_role(OPERATOR, user.id, role).email


def _enable(email: str) -> None:
    with application() as services:
        user = services[AccountServices].users.get_by_email(OPERATOR, email)
        services[AccountServices].users.enable(OPERATOR, user.id)
    click.echo(f"{user.email} can log in again.")


@user.group("second-factor")
def second_factor() -> None:
    """Help users who have lost access to their two-step login."""


@second_factor.command("reset")
@email
def reset_second_factor(email: str) -> None:
    """Remove the authenticator app, the passkeys and the recovery codes of EMAIL, and log them out everywhere."""
    with application() as services:
        user = services[AccountServices].users.get_by_email(OPERATOR, email)
        services[AccountServices].users.reset_second_factor(OPERATOR, user.id)
    click.echo(f"Reset the two-step login of {user.email}, who is now logged out everywhere.")


def _password(from_stdin: bool) -> str:
    """Read a password from the first line of standard input, or prompt for it twice at the terminal."""
    typed = (
        sys.stdin.buffer.readline().decode(errors="surrogateescape").rstrip("\r\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    try:
        return credential_rules.password(typed)
    except ValueError as error:
        raise click.ClickException(f"The password {error}.") from None
