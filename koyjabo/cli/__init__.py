"""The command line collects the commands of all features, which read the same settings as the server. Begin with
`COMMANDS` in `__init__.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

from koyjabo.base.core.installation import VERSION

if TYPE_CHECKING:
    from koyjabo.base.core.services import Services

COMMANDS = {
    "backup": "upkeep.backups.cli:backup",
    "export": "reports.visit_log.cli:export",
    "forget": "upkeep.retention.cli:forget",
    "import": "upkeep.importers.cli:import_",
    "key": "integrations.api_keys.cli:key",
    "ledger": "cli.ledger:ledger",
    "prune": "upkeep.retention.cli:prune",
    "restore": "upkeep.backups.cli:restore",
    "serve": "cli:serve",
    "settings": "upkeep.stored_settings.cli:settings",
    "stats": "counting.cli:stats",
    "total": "upkeep.recounts.cli:total",
    "user": "people.accounts.cli:user",
    "verify": "upkeep.recounts.cli:verify",
}
"""The module of each command, loaded when it is called. `serve` must load nothing before the server has patched the
standard library.
"""


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return cast(click.Command, getattr(import_module(f"koyjabo.{module}"), name))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION)
@click.pass_context
def main(context: click.Context) -> None:
    """Koy Jabo Live: exact visitor counts, updated at once. Every command reads its settings from the environment (and
    from .env in development). DATABASE_URL names the database; the default is instance/koyjabo.db.
    """
    # The backup replaces all users, so a password printed before would not work.
    context.obj = partial(_application, creates_admin=context.invoked_subcommand != "restore")


@contextmanager
def _application(creates_admin: bool) -> Iterator[Services]:
    """See `base.core.command_line.application`."""
    import config
    from koyjabo import create_app
    from koyjabo.base.observability import logs
    from koyjabo.web.current import services_of

    with errors_as_sentences():
        settings = config.load()
        logs.configure("WARNING", settings.log_format)
        app = create_app(creates_admin=creates_admin)
        services = services_of(app)
        try:
            with app.app_context():
                yield services
        finally:
            services.close()


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """End the program with a message about the error: status 2 for settings, 1 for others."""
    import config
    from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable, UnusableDatabase

    try:
        yield
    except (config.SettingsError, UnusableDatabase) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except LedgerUnavailable as error:
        cause = str(error.__cause__ or error).strip()
        raise click.ClickException(f"The database cannot be reached: {cause}. Check DATABASE_URL.") from None
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None


@click.command()
def serve() -> None:
    """Serve on PORT (8000) until Ctrl+C or SIGTERM, as `python wsgi.py` and the Procfile do: WEB_CONCURRENCY worker
    processes, each replaced if it dies. After SIGTERM, the server completes and commits the requests in progress, then
    stops.
    """
    from koyjabo.server import serve

    sys.exit(serve())
