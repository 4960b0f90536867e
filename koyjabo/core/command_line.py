"""What the commands of features need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import click

from koyjabo.core.services import Services

OpenApplication = Callable[[], AbstractContextManager[Services]]


def application() -> AbstractContextManager[Services]:
    """The services for a command, in an application context, and closed afterwards. Ends the program with a message for
    a known error: status 2 for a wrong setting or an unusable database, else 1.
    """
    return cast(OpenApplication, click.get_current_context().obj)()
