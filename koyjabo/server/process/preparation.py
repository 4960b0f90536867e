"""Prepares the database before the server starts. A child process runs the migrations, so that workers do not have to
load Alembic.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from koyjabo.server.process.inheritance import die_with
from koyjabo.server.process.metrics_folder import VARIABLE
from koyjabo.server.process.parent_log import ParentLog, how_killed, say

if TYPE_CHECKING:
    from koyjabo.settings.schema import Settings


def prepare(settings: Settings) -> bool:
    """Migrate the database and create the first admin, unless this has been done. If the database cannot be used, print
    a sentence about it and return False.
    """
    if is_prepared(settings):
        return True
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_child(parent, settings.log_format)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        say(f"The process that migrates the database {how_killed(status)}. Start the server again.", sys.stderr)
    return status == 0


def is_prepared(settings: Settings) -> bool:
    """Whether the database is prepared, so that creating the application would change nothing."""
    from koyjabo.core.credential_rules import email_key
    from koyjabo.database import startup_queries
    from koyjabo.settings import database_url

    where = database_url.file_of(settings.database_url) or database_url.for_libpq(settings.database_url)
    makes_one_up = settings.environment == "development" and not settings.admin_email
    return startup_queries.is_prepared(where, email_key(settings.admin_email), makes_one_up)


def _run_child(parent: int, log_format: str) -> None:
    status = 1
    try:
        die_with(parent)  # the database rolls back an unfinished migration
        status = 0 if _make_the_application() else 1
    except BaseException:
        ParentLog(log_format).exception("loader_failed")
    finally:
        os._exit(status)


def _make_the_application() -> bool:
    """Create the application, which migrates the database and creates the first admin."""
    from koyjabo import create_app
    from koyjabo.core.errors import DatabaseInUse, LedgerUnavailable, UnusableDatabase
    from koyjabo.server.loop import eventlet_loop

    os.environ.pop(VARIABLE, None)  # this process counts nothing, and leaves nothing in the workers' folder
    eventlet_loop.use_own_hub()
    try:
        with suppress(LedgerUnavailable):  # the workers will wait for the database and log that
            create_app(runtime=eventlet_loop.EventletRuntime())
    except (UnusableDatabase, DatabaseInUse) as error:
        say(str(error), sys.stderr)
        return False
    return True
