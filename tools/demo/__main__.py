"""`make demo`"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from http.client import HTTPException
from math import inf
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from demo.stage import Scene
    from koyjabo.settings.schema import Settings

MINUTE_S = 60


@click.command()
@click.option("--url", help="The development server to play on; http://localhost:PORT, if not given.")
@click.option("--people", type=click.IntRange(1, 500), default=80, show_default=True, help="How many in a rush hour.")
@click.option("--minutes", type=click.FloatRange(0), help="End after so long; at Ctrl+C, if not given.")
def demo(url: str | None, people: int, minutes: float | None) -> None:
    """Let a crowd come and go, to have something to look at.

    Visitors and members of four communities open pages and leave them, on a day that lasts ten minutes. On an empty
    database the past two weeks are made up as well. Only a development server on this machine is played on, and only
    when it has the same settings as this command.
    """
    import config
    from demo import target_site
    from demo.site import Refusal
    from demo.stage import Scene
    from koyjabo.errors import KoyJaboError

    try:
        settings = config.load()
        scene = Scene(target_site.find(settings, url or f"http://localhost:{settings.port or 8000}"))
        _play(settings, scene, people, inf if minutes is None else minutes * MINUTE_S)
    except (config.SettingsError, target_site.NotHere) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KoyJaboError as error:
        raise click.ClickException(str(error)) from None
    except (OSError, HTTPException, Refusal) as error:
        raise click.ClickException(f"The server went away, or {error}.") from None


def _play(settings: Settings, scene: Scene, people: int, how_long_s: float) -> None:
    from demo import cast
    from demo.crowd import Crowd
    from demo.preparation import prepare

    communities, keys, guide = prepare(settings, scene, click.echo)
    click.echo(f"Up to {people} people come and go on {scene.site.url}, until Ctrl+C.")
    password = cast.password(settings.secret_key)
    click.echo(f"Log in as {guide.email}, password {password}, to look after {guide.community}.")
    crowd = Crowd(scene, people, communities, keys)
    for sign in (signal.SIGINT, signal.SIGTERM):  # an exception: a handler must not take locks that are held already
        signal.signal(sign, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        crowd.play(how_long_s, click.echo)
    crowd.leave()
    click.echo("All have left.")


if __name__ == "__main__":
    demo()
