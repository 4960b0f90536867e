"""`koyjabo ledger …`"""

import time

import click


@click.group(hidden=True)
def ledger() -> None:
    """Choose which database to trust after a failover."""


@ledger.command()
def accept() -> None:
    """Accept the PostgreSQL server named by DATABASE_URL, although the servers refuse it as an old primary. They start
    using it within 10 s. Visits that only the newer server has are lost, and the servers report how many
    (docs/failover.md).
    """
    import config
    from . import errors_as_sentences

    with errors_as_sentences():
        database = config.load().database
        if database.get_backend_name() == "sqlite":
            raise click.ClickException("DATABASE_URL is a SQLite file. Only PostgreSQL servers can be accepted.")
        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session

        from koyjabo.base.database.engine import engine_options, translated_errors
        from koyjabo.counting.rollback_queries import accept_server

        # Do not use the application here: it would read from Redis which servers to refuse.
        with translated_errors(), Session(create_engine(database, **engine_options(database))) as session:
            place, timeline = accept_server(session, time.time_ns() // 1_000_000)
            session.commit()
    click.echo(f"Accepted {place} on timeline {timeline}.")
