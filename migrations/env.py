"""How Alembic reaches the application's database. Run by the server at start, and by `flask db …`."""

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


def run() -> None:
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transactional_ddl=True,  # SQLite can, too: a migration happens as a whole or not at all
        )
        with context.begin_transaction():
            context.run_migrations()


run()
