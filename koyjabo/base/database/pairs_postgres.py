"""Separates pairs: rows with the same key that an index of PostgreSQL admitted after the order of texts had changed.

Numbers that were given stay given: a later visit stays, and loses only its id. What is derived from the rows is
recounted afterwards (`upkeep.recounts`).
"""

import logging

from sqlalchemy import Connection, text

from koyjabo.base.core.extensions import db
from koyjabo.base.models import OWN_ID, PAIR_MERGE, pair_losses

log = logging.getLogger("koyjabo.migrations")

WITHOUT_INDEXES = """
SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off
"""
"""The order of indexes is wrong. Sorting and hashing read the rows themselves."""

SELECT_KEYS = text("""
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_index i WHERE i.indrelid = to_regclass(:name) AND i.indisunique
AND EXISTS (SELECT FROM unnest(i.indcollation) AS c WHERE c <> 0)
""")
SELECT_AGES = text("""
SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped
AND attname IN ('created_ms', 'joined_ms', 'first_visit', 'at_ms', 'id') ORDER BY attname = 'id', attname
""")
NOTE_SEPARATED_ROWS = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('pairs', '', '', :rows)
ON CONFLICT (name) DO UPDATE SET seen_ms = nightly_work.seen_ms + excluded.seen_ms
""")

WITH_LATER_ROWS = """
WITH later AS (
    SELECT place, kept FROM (
        SELECT ctid AS place, first_value(ctid) OVER same AS kept, row_number() OVER same AS number
        FROM {table} WHERE {present} WINDOW same AS (PARTITION BY {key} ORDER BY {age})
    ) AS numbered WHERE number > 1
)
"""


def separate_pairs(connection: Connection, table: str) -> None:
    """Separate the pairs of a table, whose indexes may be wrong, and log how many there were for each key."""
    connection.exec_driver_sql(WITHOUT_INDEXES)
    ages = connection.execute(SELECT_AGES, {"name": table}).scalars().all()
    for key in connection.execute(SELECT_KEYS, {"name": table}).scalars().all():
        later = WITH_LATER_ROWS.format(
            table=table,
            present=" AND ".join(f"{column} IS NOT NULL" for column in key),
            key=", ".join(f'{column}::text COLLATE "C"' for column in key),
            age=", ".join((*ages, "ctid")),
        )
        loss = _loss(table, key)
        merge = db.metadata.tables[table].info.get(PAIR_MERGE)
        if merge and not loss:
            connection.exec_driver_sql(later + merge)
        change = f"UPDATE {table} t SET {loss} FROM later" if loss else f"DELETE FROM {table} t USING later"
        rows = connection.exec_driver_sql(f"{later} {change} WHERE t.ctid = later.place").rowcount
        if rows:
            log.warning("pairs_separated table=%s key=%s rows=%d", table, ",".join(key), rows)
            connection.execute(NOTE_SEPARATED_ROWS, {"rows": rows})


def _loss(table: str, key: list[str]) -> str:
    """What a later row loses, as assignments; "" if it is deleted."""
    loss = next((loss for of_key, loss in pair_losses(db.metadata.tables[table]) if of_key == key), {})
    values = {None: "NULL", OWN_ID: f"'{OWN_ID}' || t.id"}
    return ", ".join(f"{column} = {values.get(value, f't.{value}')}" for column, value in loss.items())
