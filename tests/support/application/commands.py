"""`koyjabo …` in the test process."""

import logging
from typing import Any

from click.testing import CliRunner, Result

from koyjabo.cli import main
from support.programs.processes import environment


def koyjabo(*arguments: str, typed: str = "", **settings: Any) -> Result:
    """Run a command with these settings, in production so that it reads no `.env` and writes no secret into the
    checkout. Afterwards the process logs as before.
    """
    package = logging.getLogger("koyjabo")
    level, propagates, handlers = package.level, package.propagate, package.handlers
    try:
        return CliRunner().invoke(main, arguments, input=typed, env=environment(**settings))
    finally:
        package.setLevel(level)
        package.propagate, package.handlers = propagates, handlers
