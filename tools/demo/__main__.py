"""`make demo`"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from http.client import HTTPException
from math import inf

import click

import config
from demo import cast, history, target_site
from demo.crowd import Crowd
from demo.preparation import prepare
from demo.site import Refusal
from demo.stage import Stage
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.settings.schema import Settings

MINUTE_S = 60


@click.command()
@click.option("--url", help="URL of the development server. Default: http://localhost:PORT.")
@click.option("--people", type=click.IntRange(1, 500), default=80, show_default=True, help="Visitors at rush hour.")
@click.option(
    "--days",
    type=click.IntRange(history.FEWEST_DAYS, history.MOST_DAYS),
    default=history.DAYS,
    show_default=True,
    help="Days of past visits to write into an empty database.",
)
@click.option("--minutes", type=click.FloatRange(0), default=inf, help="Stop after this time. Default: at Ctrl+C.")
def demo(url: str | None, people: int, days: int, minutes: float) -> None:
    """Simulate visitors on a development server.

    Visitors and members of four communities open pages and leave them. A simulated day lasts ten minutes. On an empty
    database, the demo first writes several months of visits. The server must run on this machine, in development, with
    the same settings as this command.
    """
    try:
        settings = config.load()
        stage = Stage(target_site.find(settings, url or f"http://localhost:{settings.port or 8000}"))
        _run(settings, stage, people, days, minutes * MINUTE_S)
    except (config.SettingsError, target_site.CannotRun) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None
    except (OSError, HTTPException, Refusal) as error:
        raise click.ClickException(f"The server did not respond as expected: {error}.") from None


def _run(settings: Settings, stage: Stage, people: int, days: int, duration_s: float) -> None:
    communities = prepare(settings, stage.site, days, click.echo)
    password = cast.password(settings.secret_key)
    click.echo(f"Up to {people} people visit {stage.site.url}. Press Ctrl+C to stop.")
    click.echo(f"Log in as {cast.GUIDE.email} with the password {password} (an admin of {cast.GUIDE.community}).")
    crowd = Crowd(stage, people, communities, password)
    for stop in (signal.SIGINT, signal.SIGTERM):  # raise an exception, because a handler must not wait for a lock
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        crowd.run(duration_s, click.echo)
    crowd.leave()
    click.echo("All visitors have left.")


if __name__ == "__main__":
    demo()
