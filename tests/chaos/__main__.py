"""Injects random faults into servers, and checks that they keep their promises (docs/development.md).

First PostgreSQL with Redis and two workers, then SQLite with one worker, each for the given time. The exit status is 1
if a promise was broken. The same seed repeats the same faults in the same order.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import textwrap
from contextlib import ExitStack
from pathlib import Path

import click

from chaos.campaign import Campaign
from chaos.journal import Breach
from chaos.world import KINDS, Kind, World

MAX_SEED, MAX_LINE = 10**6, 200


@click.command(help=__doc__)
@click.option("--seconds", default=600.0, show_default=True, help="duration on each kind of database")
@click.option("--seed", type=int, help="repeats an earlier run; random by default")
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="run only on this kind of database")
@click.option("--pooled", is_flag=True, help="only PostgreSQL, through PgBouncer")
@click.option("--sentinels", is_flag=True, help="only PostgreSQL, with three Redis and three Sentinels")
@click.option("--standby", is_flag=True, help="only PostgreSQL, with a standby")
def main(seconds: float, seed: int | None, only: str | None, pooled: bool, sentinels: bool, standby: bool) -> None:
    if pooled and standby:
        raise click.UsageError("--pooled has one server of PostgreSQL, and --standby two.")
    seed = random.SystemRandom().randrange(MAX_SEED) if seed is None else seed
    given = {"--pooled": pooled, "--sentinels": sentinels, "--standby": standby}
    options = [option for option, is_given in given.items() if is_given]
    if options:
        kinds = [KINDS["postgres"]._replace(is_pooled=pooled, has_sentinels=sentinels, has_standby=standby)]
    else:
        kinds = [KINDS[only]] if only else [*KINDS.values()]
        options = [f"--only={only}"] if only else []
    broken = [breach for kind in kinds for breach in campaign(kind, seconds, seed)]
    again = f"make chaos SECONDS={seconds:.0f} SEED={seed}" + (f' ARGS="{" ".join(options)}"' if options else "")
    # Keep this short and last, because many CI services show only the end of a long output.
    verdict = "PROMISES WERE BROKEN." if broken else "All promises were kept."
    click.echo("\n".join([verdict, *(textwrap.shorten(str(breach), MAX_LINE) for breach in broken)]))
    click.echo(f"Once more: {again}")
    sys.exit(1 if broken else 0)


def campaign(kind: Kind, seconds: float, seed: int) -> list[Breach]:
    """Run a campaign and return its breaches. The server's logs are kept only if there are any."""
    folder = Path(tempfile.mkdtemp(prefix="koyjabo-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    click.echo(f"{kind.name}: {seconds:.0f} s of faults, seed {seed}", err=True)
    with ExitStack() as stack:
        world = World(kind, folder, seed, stack)
        run = Campaign(world, seconds, seed)
        run.run()
    click.echo(run.report() + "\n")
    if world.journal.breaches:
        click.echo(f"The server's logs are in {folder}\n")
    else:
        shutil.rmtree(folder)
    return world.journal.breaches


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is stopped on the way out
    main()
