"""`koyjabo …` in the test process."""

import logging
from typing import Any

from click.testing import CliRunner, Result

from koyjabo.cli import main


def koyjabo(*arguments: str, typed: str = "", **settings: Any) -> Result:
    """Run a command with these settings. Afterwards the process logs as before."""
    package = logging.getLogger("koyjabo")
    level, propagates, handlers = package.level, package.propagate, package.handlers
    try:
        return CliRunner().invoke(main, arguments, input=typed, env=settings)
    finally:
        package.setLevel(level)
        package.propagate, package.handlers = propagates, handlers
