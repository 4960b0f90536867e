"""Injects random faults into servers, and checks that they keep their promises (docs/reliability.md).

First PostgreSQL with Redis and two workers, then SQLite with one worker, each for the given time. The exit status is 1
if a promise was broken. The same seed repeats the same faults in the same order.
"""

from __future__ import annotations

import random
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chaos.campaign import Campaign
from chaos.faults import Fault, faults_of
from chaos.journal import Breach
from chaos.report import in_short, text
from chaos.world import POSTGRES, SQLITE, world

LONGEST_SEED = 10**6


@click.command(help=__doc__)
@click.option("--seconds", default=600.0, show_default=True, help="duration on each kind of database")
@click.option("--seed", type=int, help="repeats an earlier run; random by default")
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="run only on this kind of database")
@click.option("--pooled", is_flag=True, help="only PostgreSQL, through PgBouncer")
@click.option("--sentinels", is_flag=True, help="only PostgreSQL, with three Redis and three Sentinels")
@click.option("--standby", is_flag=True, help="only PostgreSQL, with a standby")
@click.option("--faults", "wanted_faults", default="", help="only faults whose names contain this text")
def main(
    seconds: float,
    seed: int | None,
    only: str | None,
    pooled: bool,
    sentinels: bool,
    standby: bool,
    wanted_faults: str,
) -> None:
    if pooled and standby:
        raise click.UsageError("--pooled has one server of PostgreSQL, and --standby two.")
    seed = random.SystemRandom().randrange(LONGEST_SEED) if seed is None else seed
    kinds = {"postgres": POSTGRES, "sqlite": SQLITE}
    given = {"--pooled": pooled, "--sentinels": sentinels, "--standby": standby}
    options = [option for option, is_given in given.items() if is_given]
    chosen = {"is_pooled": pooled, "has_sentinels": sentinels, "has_standby": standby}
    chosen_kinds = ["postgres"] if options else [only] if only else [*kinds]
    for name in chosen_kinds:
        check_faults(kinds[name], wanted_faults, faults_of(name == "postgres", standby, sentinels))
    options += [f"--only={only}"] if only and not options else []
    options += [f"--faults={shlex.quote(wanted_faults)}"] if wanted_faults else []
    broken = [
        breach for name in chosen_kinds for breach in campaign(kinds[name], seconds, seed, wanted_faults, **chosen)
    ]
    again = f"make chaos SECONDS={seconds:.0f} SEED={seed}" + (f' ARGS="{" ".join(options)}"' if options else "")
    # Keep this short and last, because many CI services show only the end of a long output.
    click.echo("\n".join(["PROMISES WERE BROKEN.", *map(in_short, broken)] if broken else ["All promises were kept."]))
    click.echo(f"Once more: {again}")
    sys.exit(1 if broken else 0)


def check_faults(kind: str, name_part: str, offered: Sequence[Fault]) -> None:
    """Raise UsageError with the names of all faults if none contains the requested text."""
    names = [fault.kind for fault in offered]
    if not any(name_part in name for name in names):
        raise click.UsageError(f"No fault on {kind} has {name_part!r} in its name. Its faults: {'; '.join(names)}.")


def campaign(kind: str, seconds: float, seed: int, wanted_faults: str = "", **chosen: Any) -> list[Breach]:
    """Run a campaign and return its breaches. The server's logs are kept only if there are any."""
    folder = Path(tempfile.mkdtemp(prefix="koyjabo-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    click.echo(f"{kind}: {seconds:.0f} s of faults, seed {seed}", err=True)
    with world(kind, folder, seed, **chosen) as made:
        outcome = Campaign(made, seconds, seed, wanted_faults).run()
    click.echo(text(kind, seed, outcome, made.journal) + "\n")
    if made.journal.breaches:
        click.echo(f"The server's logs are in {folder}\n")
    else:
        shutil.rmtree(folder)
    return made.journal.breaches


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is stopped on the way out
    main()
