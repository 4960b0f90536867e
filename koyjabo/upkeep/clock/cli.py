"""`koyjabo clock`"""

import time

import click

from koyjabo.base.core.clock import iso
from koyjabo.base.core.command_line import application, progress
from koyjabo.base.core.identity import OPERATOR
from koyjabo.counting.clock_watch import (
    CLOCK_ANSWER,
    CLOCK_VERDICTS,
    DOUBTED_CLOCK,
    VISITS_ANSWER,
    WRONG_CLOCK,
    ClockReading,
)
from .clock_answers import ANSWER_APPLIES_MS, ClockAnswers

VERDICT_SENTENCES = {
    DOUBTED_CLOCK: "In doubt: visits are filed later than the clock. See `koyjabo clock --help`.",
    WRONG_CLOCK: "The clock is wrong: time goes on from the newest visit. Set the clock from the network (NTP).",
}


@click.command()
@click.option("--clock-is-right", "answer", flag_value=CLOCK_ANSWER, help="File later visits again, by the clock.")
@click.option(
    "--visits-are-right", "answer", flag_value=VISITS_ANSWER, help="Put back the visits that were filed again."
)
@click.pass_context
def clock(context: click.Context, answer: str | None) -> None:
    """Show whether the clock is right, or say that it is.

    Prints the time of this machine and the time of the newest visit. Exits with 0 if the clock is right, 1 if it is in
    doubt and 2 if it is wrong. If visits are filed later than the clock shows, one of both is wrong: say which one is
    right. Safe to run while the server is busy; all workers follow within 3 seconds. Earlier times are kept for 30
    days, so each answer can be undone by the other one.
    """
    with application() as services:
        answers = services[ClockAnswers]
        if answer:
            answers.answer(OPERATOR, answer)
            time.sleep(ANSWER_APPLIES_MS / 1000)
            with progress(0, "Filing visits again") as advance:
                click.echo(f"Visits filed again: {answers.complete(advance):,}.")
            return
        reading = answers.reading
    _show(reading)
    context.exit(CLOCK_VERDICTS.index(reading.verdict))


def _show(reading: ClockReading) -> None:
    click.echo(f"This machine's clock:  {iso(reading.system_ms)}")
    click.echo(f"The newest visit:      {iso(reading.newest_ms) if reading.newest_ms else 'none'}")
    for host, clock_ms in reading.differing:
        click.echo(f"The clock of {host}:  {iso(clock_ms)}")
    click.echo(VERDICT_SENTENCES.get(reading.verdict, "The clock is right."))
