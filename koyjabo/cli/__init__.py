"""The command line collects the commands of all features, which read the same settings as the server. Begin with
`Commands` in `__init__.py`.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import click

from koyjabo.application import features
from koyjabo.base.core import installation
from koyjabo.base.core.command_line import whole_number
from koyjabo.base.core.installation import VERSION
from koyjabo.base.core.json_output import wrap_standard_error
from koyjabo.server.process.children import flush

if TYPE_CHECKING:
    from koyjabo.base.core.command_line import Creates
    from koyjabo.base.core.services import Services

OWN_COMMANDS = {"ledger": "koyjabo.cli.ledger:ledger", "serve": "koyjabo.cli:serve"}
"""`serve` must load nothing before the server has patched the standard library."""


class Commands(click.Group):
    """The commands of all features, loaded when they are called."""

    @cached_property
    def _paths(self) -> dict[str, str]:
        return {**OWN_COMMANDS, **features.commands()}

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command. An error of the system is a sentence, with status 1. Click ends silently if no program reads
        the output.
        """
        wrap_standard_error()
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            click.echo(f"Error: {error.filename or 'The output'} cannot be used: {error.strerror}.", err=True)
            if sys.stdout is not None:
                flush(sys.stdout)  # otherwise Python fails again at its end
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._paths)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        self.commands = cast(Any, self._paths)  # Click suggests one of these names
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._paths:
            return None
        module, _, name = self._paths[cmd_name].partition(":")
        return cast(click.Command, getattr(import_module(module), name))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--port", metavar="NUMBER", callback=whole_number(65535), help="Without a command: the port to serve on (8000)."
)
@click.option(
    "--total", metavar="NUMBER", callback=whole_number(10**15), help="Without a command: the total of a new counter."
)
@click.version_option(VERSION)
@click.pass_context
def main(context: click.Context, port: int | None, total: int | None) -> None:
    """Koy Jabo Live: exact visitor counts, updated at once. Without a command, it serves on this machine, with its data
    in your folder for user data (or in KOYJABO_HOME).

    Every command reads its settings from the environment (and from .env in development). DATABASE_URL names the
    database; the default is instance/koyjabo.db.
    """
    if sys.stdout is None and context.invoked_subcommand not in ("serve", None):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # closed, as with >&-
    context.obj = _application
    if context.invoked_subcommand is None:
        _serve_this_machine(port, total)
    elif port is not None or total is not None:
        raise click.UsageError("--port and --total are only for serving without a command.")


def _serve_this_machine(port: int | None, total: int | None) -> None:
    """Serve on 127.0.0.1 unless HOST says otherwise, with data that only this user can read."""
    os.environ.setdefault(installation.HOME, str(installation.user_data()))
    home = installation.home()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(
            f"The folder {home} cannot be created: {error.strerror}. Set {installation.HOME} to another."
        ) from None
    if port is not None:
        os.environ["PORT"] = str(port)
    if total is not None:
        _begin_with(total)
    click.echo(f"The data is in {home}. Other commands find it with {installation.HOME}={home}")
    from koyjabo.server import serve

    sys.exit(serve())


def _begin_with(total: int) -> None:
    """Set the total of a new counter, in another process: a server must patch the standard library before it loads
    anything.
    """
    os.environ["STARTING_TOTAL"] = str(total)
    if pid := os.fork():
        if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            sys.exit(status)
        return
    status = 1
    try:
        from koyjabo.upkeep.recounts.cli import begin_with

        begin_with(total)
        status = 0
    except click.ClickException as error:
        error.show()
    except SystemExit as ending:
        status = int(str(ending.code))
    finally:
        os._exit(status)


@contextmanager
def _application(creates: "Creates") -> "Iterator[Services]":
    """See `base.core.command_line.application`."""
    import config
    from koyjabo import create_app
    from koyjabo.base.observability import logs
    from koyjabo.base.settings import database_url
    from koyjabo.web.current import services_of

    with errors_as_sentences():
        settings = config.load(creates_database=bool(creates))
        file = database_url.file_of(settings.database_url)
        if file and not os.path.exists(file):
            click.echo(f"Creating the database {file}.", err=True)
        logs.configure("WARNING", settings.log_format)
        app = create_app(creates_admin=False, creates=creates)
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
    from koyjabo.base.database.outage_causes import reason_of

    try:
        yield
    except (config.SettingsError, UnusableDatabase) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except LedgerUnavailable as error:
        raise click.ClickException(f"The database cannot be reached: {reason_of(error)}. Check DATABASE_URL.") from None
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None


@click.command()
def serve() -> None:
    """Serve on PORT (8000) until Ctrl+C or SIGTERM.

    Does the same as `python wsgi.py` and the Procfile: WEB_CONCURRENCY worker processes, each replaced if it dies.
    After SIGTERM, the server completes and commits the requests in progress, then stops.
    """
    from koyjabo.server import serve

    sys.exit(serve())
