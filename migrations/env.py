"""Connects Alembic to the application's database. It is run by the server at startup, and by `alembic` for
developers.
"""

from alembic import context
from alembic.operations import MigrationScript
from sqlalchemy import Connection, create_engine, make_url

import config
from koyjabo.application.features import load_tables
from koyjabo.base.core.extensions import db
from koyjabo.base.database.engine import engine_options
from koyjabo.base.database.revisions import NEWEST_REVISION


def give_next_number(_context: object, _heads: object, scripts: list[MigrationScript]) -> None:
    """Set the number of the migration that `alembic revision` writes, so that developers need no `--rev-id`."""
    newest = context.script.get_current_head()
    scripts[0].rev_id = f"{int(newest or 0) + 1:04}"


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        process_revision_directives=give_next_number,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,  # works on SQLite as well: a migration happens as a whole or not at all
    )
    with context.begin_transaction():
        context.run_migrations()
        if connection.dialect.name == "postgresql" and NEWEST_REVISION in context.get_context().get_current_heads():
            from koyjabo.base.database.byte_order_postgres import change_tables

            change_tables(connection)  # new tables and columns


load_tables()

# The server's connection is in the transaction that holds the lock (koyjabo.base.database.engine).
given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    database = make_url(config.load().database_url)
    with create_engine(database, **engine_options(database)).connect() as connection:
        run(connection)
