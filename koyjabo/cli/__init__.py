"""`koyjabo …`: the operator's commands. Each reads the same settings as the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from koyjabo.installation import VERSION

if TYPE_CHECKING:
    from koyjabo.application.services import Services


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION)
def main() -> None:
    """Koy Jabo Live: visitor counts, exact and at once.

    Every command reads its settings from the environment (and from .env in development). DATABASE_URL names the
    database; the default is instance/koyjabo.db.
    """


@contextmanager
def application() -> Iterator[Services]:
    """The services for a command, in an application context, and closed afterwards. Ends the program with a message for
    a known error: status 2 for a wrong setting or an unusable database, else 1.
    """
    import config
    from koyjabo import create_app
    from koyjabo.application.services import Services
    from koyjabo.observability import logs

    with _errors_as_sentences():
        settings = config.load()
        logs.configure("WARNING", settings.log_format)
        app = create_app()
        services = Services.of(app)
        try:
            with app.app_context():
                yield services
        finally:
            services.close()


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    """End the program with what an error means for the operator: status 2 for the settings, 1 for any other."""
    import config
    from koyjabo.errors import KoyJaboError, LedgerUnavailable, UnusableDatabase

    try:
        yield
    except (config.SettingsError, UnusableDatabase) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except LedgerUnavailable as error:
        cause = str(error.__cause__ or error).strip()
        raise click.ClickException(f"The database cannot be reached: {cause}. See DATABASE_URL.") from None
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None


from koyjabo.cli import (  # noqa: E402  (they add their commands to main)
    backup,  # noqa: F401
    forget,  # noqa: F401
    imports,  # noqa: F401
    prune,  # noqa: F401
    serve,  # noqa: F401
    stats,  # noqa: F401
    total,  # noqa: F401
    user,  # noqa: F401
    verify,  # noqa: F401
    visits,  # noqa: F401
)
