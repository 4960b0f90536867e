"""`koyjabo …` in the test process."""

import logging
from typing import Any

from click.testing import CliRunner, Result

from koyjabo.cli import main
from support.programs.processes import environment


def koyjabo(*arguments: str, typed: str = "", **settings: Any) -> Result:
    """Run a command in production, so that it writes nothing into the checkout. The process logs as before."""
    package = logging.getLogger("koyjabo")
    level, propagates, handlers = package.level, package.propagate, package.handlers
    try:
        return CliRunner().invoke(main, arguments, input=typed, env=environment(**settings))
    finally:
        package.setLevel(level)
        package.propagate, package.handlers = propagates, handlers
