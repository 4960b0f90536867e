"""Separates pairs: rows with the same key that an index of PostgreSQL admitted after the order of texts had changed.

Numbers that were given stay given: a later visit stays, and loses only its id. What is derived from the rows is
recounted afterwards (`upkeep.recounts`).
"""

import logging

from sqlalchemy import Connection, text

from .models import PAIRS_WATERMARK

log = logging.getLogger("koyjabo.migrations")

WITHOUT_INDEXES = """
SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off
"""
"""Their order is wrong. Sorting and hashing read the rows themselves."""

SELECT_KEYS = text("""
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place) AS key
FROM pg_index i WHERE i.indrelid = to_regclass(:name) AND i.indisunique
AND EXISTS (SELECT FROM unnest(i.indcollation) AS c WHERE c <> 0)
""")
SELECT_AGES = text("""
SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped
AND attname IN ('created_ms', 'joined_ms', 'first_visit', 'at_ms', 'id') ORDER BY attname = 'id', attname
""")

MARK_PAIRS = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, :rows, 0)
ON CONFLICT (name) DO UPDATE SET upto = watermarks.upto + excluded.upto
""")

LATER = """
later AS (
    SELECT place, kept FROM (
        SELECT ctid AS place, first_value(ctid) OVER same AS kept, row_number() OVER same AS number
        FROM {table} WHERE {present} WINDOW same AS (PARTITION BY {key} ORDER BY {age} ROWS UNBOUNDED PRECEDING)
    ) AS numbered WHERE number > 1
)
"""

CHANGES = {
    ("visits", "visit_id"): "visit_id = '~' || t.id",
    ("events", "event_id"): "event_id = '~' || t.id",
    ("users", "email_key"): (
        "email_key = '~' || t.id, disabled_ms = coalesce(t.disabled_ms, (extract(epoch FROM now()) * 1000)::bigint)"
    ),
    ("users", "external_issuer"): "external_ref = NULL, external_issuer = NULL",
    ("communities", "ref"): "ref = NULL",
    ("outbox", "once"): "once = NULL",
}
"""What the later row of a pair loses, by table and the last column of the key. The rows of other keys are deleted."""

MERGES = {
    "visitors": """
        UPDATE visitors t SET user_id = gone.user_id FROM later JOIN visitors gone ON gone.ctid = later.place
        WHERE t.ctid = later.kept AND t.user_id IS NULL AND gone.user_id IS NOT NULL
    """,
    "people": """
        , days AS (
            DELETE FROM person_days d USING later, people kept, people gone
            WHERE kept.ctid = later.kept AND gone.ctid = later.place AND d.person_id IN (kept.id, gone.id)
            RETURNING kept.id, d.day, d.began_s, d.slots
        )
        INSERT INTO person_days (person_id, day, began_s, slots)
        SELECT id, day, min(began_s), bit_or(slots) FROM days GROUP BY id, day
    """,
}
"""What the earlier row takes over before the later one is deleted."""


def separate_pairs(connection: Connection, table: str) -> None:
    """Separate the pairs of a table, whose indexes may be wrong, and log how many there were for each key."""
    connection.exec_driver_sql(WITHOUT_INDEXES)
    ages = connection.execute(SELECT_AGES, {"name": table}).scalars().all()
    for key in connection.execute(SELECT_KEYS, {"name": table}).scalars().all():
        later = "WITH " + LATER.format(
            table=table,
            present=" AND ".join(f"{column} IS NOT NULL" for column in key),
            key=", ".join(f'{column}::text COLLATE "C"' for column in key),
            age=", ".join((*ages, "ctid")),
        )
        change = CHANGES.get((table, key[-1]))
        if not change and table in MERGES:
            connection.exec_driver_sql(later + MERGES[table])
        verb = f"UPDATE {table} t SET {change} FROM later" if change else f"DELETE FROM {table} t USING later"
        rows = connection.exec_driver_sql(f"{later} {verb} WHERE t.ctid = later.place").rowcount
        if rows:
            log.warning("pairs_separated table=%s key=%s rows=%d", table, ",".join(key), rows)
            connection.execute(MARK_PAIRS, {"name": PAIRS_WATERMARK, "rows": rows})
