"""`koyjabo user …`"""

import sys
from collections.abc import Callable
from typing import Any

import click

from koyjabo.base.core import credential_rules
from koyjabo.base.core.command_line import application
from koyjabo.base.core.identity import OPERATOR, SITE_ADMIN, SITE_MEMBER, SITE_ROLES
from koyjabo.people.accounts.users.user_admin import Users
from koyjabo.people.models import User
from .services import AccountServices


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
    with application("new") as services:
        account = services[AccountServices].credentials.create(email, password, name, is_admin=admin)
    click.echo(f"Created {'site admin ' if admin else ''}{account.email}.")


@user.command("password")
@email
@from_stdin
def set_password(email: str, password_stdin: bool) -> None:
    """Change the password of EMAIL, and log them out everywhere.

    Also unlocks the account, as `user unlock` does.
    """
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
    click.echo(f"{_change(Users.set_role, email, role)} has the role {role} on this site.")


@user.command(hidden=True)
@email
@click.option("--demote", is_flag=True, help="Remove admin rights instead.")
def promote(email: str, demote: bool) -> None:
    """Do the same as `user role EMAIL admin` or, with --demote, as `user role EMAIL member`."""
    email = _change(Users.set_role, email, SITE_MEMBER if demote else SITE_ADMIN)
    click.echo(f"{email} is {'no longer' if demote else 'now'} a site admin.")


@user.command()
@email
@click.option("--enable", is_flag=True, help="Allow the user to log in again instead, as `user enable` does.")
def disable(email: str, enable: bool) -> None:
    """Log EMAIL out everywhere and block further logins."""
    if enable:
        click.echo(f"{_change(Users.enable, email)} can log in again.")
    else:
        click.echo(f"{_change(Users.disable, email)} is logged out everywhere and cannot log in.")


@user.command()
@email
def enable(email: str) -> None:
    """Allow EMAIL to log in again. Also unlocks the account, as `user unlock` does."""
    click.echo(f"{_change(Users.enable, email)} can log in again.")


@user.command()
@email
def unlock(email: str) -> None:
    """Clear all failed logins of EMAIL, which may block logins."""
    click.echo(f"Cleared all failed logins of {_change(Users.unlock, email)}.")


def _change(change: Callable[..., User], email: str, *role: str) -> str:
    """Call a method of `Users` for the user with this email. Returns the email as its owner typed it."""
    with application() as services:
        users = services[AccountServices].users
        return change(users, OPERATOR, users.get_by_email(OPERATOR, email).id, *role).email


@user.group("second-factor")
def two_step() -> None:
    """Help users who have lost access to their two-step login."""


@two_step.command("reset")
@email
def reset_two_step_login(email: str) -> None:
    """Remove the authenticator app and the recovery codes of EMAIL, and log them out everywhere."""
    email = _change(Users.reset_two_step_login, email)
    click.echo(f"Reset the two-step login of {email}, who is now logged out everywhere.")


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
