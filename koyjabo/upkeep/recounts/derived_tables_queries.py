"""Describes every table derived from the ledger, with the statements that derive, check or repair it.

Statements read a table in pieces: rows with ids after :after, up to :upto. Conversions, which have no such ids, are
read with the first piece, whose :after is 0.
"""

from sqlalchemy import text

from koyjabo.counting.daily_people import MAX_DAY_SLOTS, SLOT_S
from koyjabo.counting.models import (
    CLEARED_COLUMNS,
    IN_COMMUNITY,
    MONTHLY_PREFIX,
    ON_SITE,
    DailyVisits,
    HourlyPeople,
    HourlyVisits,
    Return,
)
from .derivation_queries import Invariant, SumTable

PIECE_SIZES = {"visits": 50_000, "people": 5_000}
"""Number of ids per piece."""


# By scope, day and hour. A visit may be its visitor's first on the site, in its community, both, or neither. Reduced
# visits know it themselves, because their visitors may no longer be listed.
SUM_VISITS = text(f"""
SELECT 'site' AS scope, v.day, v.hour_s, count(*) AS visits,
       count(*) FILTER (WHERE w.first_visit IS NOT NULL OR (v.new_in & {ON_SITE}) <> 0) AS new_visitors FROM visits v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id AND w.first_visit = v.id
WHERE v.id > :after AND v.id <= :upto GROUP BY v.day, v.hour_s
UNION ALL
SELECT v.scope, v.day, v.hour_s, count(*),
       count(*) FILTER (WHERE w.first_visit IS NOT NULL OR (v.new_in & {IN_COMMUNITY}) <> 0) FROM visits v
LEFT JOIN visitors w ON w.scope = v.scope AND w.visitor_id = v.visitor_id AND w.first_visit = v.id
WHERE v.id > :after AND v.id <= :upto AND v.scope <> 'site' GROUP BY v.scope, v.day, v.hour_s
""")
PEOPLE_BY_DAY = """
FROM people p JOIN person_days d ON d.person_id = p.id
WHERE p.id > :after AND p.id <= :upto AND d.person_id > :after AND d.person_id <= :upto
"""
SUM_RETURNS = text(f"""
SELECT scope, day, previous_day, count(*) FILTER (WHERE is_user) AS authenticated,
       count(*) FILTER (WHERE NOT is_user) AS anonymous
FROM (
    SELECT p.scope, d.day, p.person LIKE 'u:%' AS is_user,
           coalesce(lag(d.day) OVER (PARTITION BY d.person_id ORDER BY d.day), '') AS previous_day
    {PEOPLE_BY_DAY}
) AS days GROUP BY scope, day, previous_day
""")
SUM_HOURS = text(f"""
WITH half_hours(slot) AS (VALUES {", ".join(f"({slot})" for slot in range(MAX_DAY_SLOTS))})
SELECT scope, began_s + slot * {SLOT_S} AS hour_s, authenticated, anonymous FROM (
    SELECT p.scope, d.began_s, d.slots, count(*) FILTER (WHERE p.person LIKE 'u:%') AS authenticated,
           count(*) FILTER (WHERE p.person NOT LIKE 'u:%') AS anonymous
    {PEOPLE_BY_DAY} GROUP BY p.scope, d.began_s, d.slots
) AS days JOIN half_hours ON (slots >> slot) & 1 = 1
""")
# Deleted and archived communities have no counter, but keep their other rows.
SELECT_COUNTERS = text("""
SELECT c.scope, c.visits, c.total, c.unique_visitors,
       (SELECT CAST(coalesce(sum(a.total_after - a.total_before), 0) AS bigint) FROM adjustments a
        WHERE a.scope = c.scope) AS adjusted,
       (SELECT count(*) FROM visitors w WHERE w.scope = c.scope)
       + coalesce((SELECT f.visitors FROM forgotten_visitors f WHERE f.scope = c.scope), 0) AS listed
FROM counters c
""")

# A visit's number is ahead of its id by the sum of the adjustments before it.
COUNT_WRONG_ORDINALS = text("""
WITH spans AS (
    SELECT after_visit, lead(after_visit) OVER (ORDER BY id) AS upto_visit,
           sum(total_after - total_before) OVER (ORDER BY id) AS ahead
    FROM (SELECT 0 AS id, 0 AS after_visit, 0 AS total_before, 0 AS total_after UNION ALL
          SELECT id, after_visit, total_before, total_after FROM adjustments WHERE scope = 'site') AS adjusted
)
SELECT count(*) FROM spans s
JOIN visits v ON v.id > CASE WHEN s.after_visit > :after THEN s.after_visit ELSE :after END
AND v.id <= CASE WHEN s.upto_visit < :upto THEN s.upto_visit ELSE :upto END
WHERE v.ordinal - v.id <> s.ahead
""")
COUNT_UNLISTED = text("""
SELECT count(*) FROM visits v WHERE v.id > :after AND v.id <= :upto AND v.visitor_number IS NULL AND NOT EXISTS (
    SELECT 1 FROM visitors w WHERE w.scope = v.scope AND w.visitor_id = v.visitor_id AND w.first_visit <= v.id)
""")
COUNT_STILL_PERSONAL = text(f"""
SELECT count(*) FROM visits v WHERE v.id > :after AND v.id <= :upto
AND (v.visitor_number IS NOT NULL OR v.visitor_id LIKE '{MONTHLY_PREFIX}%')
AND (v.visitor_number IS NULL OR v.new_in IS NULL OR v.visitor_id NOT LIKE '{MONTHLY_PREFIX}%'
     OR v.visit_id <> '~' || v.id OR {" OR ".join(f"v.{name} IS NOT NULL" for name in ("user_id", *CLEARED_COLUMNS))})
""")
# Within a day, numbers increase with ids, up to the day's sum. Visits from before these numbers existed have none.
COUNT_WRONG_DAY_NUMBERS = text("""
SELECT count(*) FROM (
    SELECT v.day, v.day_number, lag(v.day_number) OVER (PARTITION BY v.day ORDER BY v.id) AS before
    FROM visits v WHERE v.id > :after AND v.id <= :upto AND v.day_number IS NOT NULL
) AS numbered
WHERE day_number <= coalesce(before, 0) OR day_number > coalesce(
    (SELECT d.visits FROM daily_visits d WHERE d.scope = 'site' AND d.day = numbered.day), 0)
""")
# People whose last day is before this day are removed (`upkeep.retention.reduction_queries`).
SELECT_REMOVED_BEFORE = text("SELECT day, seen_ms FROM nightly_work WHERE name = 'reduced'")
SLOT_OF_VISIT = f"""
CASE WHEN v.hour_s < d.began_s THEN 0 WHEN v.hour_s - d.began_s >= {MAX_DAY_SLOTS * SLOT_S} THEN {MAX_DAY_SLOTS - 1}
ELSE (v.hour_s - d.began_s) / {SLOT_S} END
"""
# A visit belongs to its user, or else to the user that its visitor was later identified as, or else to the visitor.
# Deleted users and erased visitors are unknown people, whose ids and names begin with "~" (`personal_data`,
# `upkeep.erasure.erasure_queries`).
PERSON_OF_VISIT = "coalesce('u:' || v.user_id, 'u:' || w.user_id, 'v:' || v.visitor_id)"
ABSENT_PEOPLE = f"""
FROM visits v
JOIN visitors w ON w.scope = v.scope AND w.visitor_id = v.visitor_id
LEFT JOIN people p ON p.scope = v.scope AND p.person = {PERSON_OF_VISIT}
LEFT JOIN person_days d ON d.person_id = p.id AND d.day = v.day
WHERE v.id > :after AND v.id <= :upto AND v.scope <> 'site' AND coalesce(v.user_id, w.user_id, '') NOT LIKE '~%'
AND v.visitor_id NOT LIKE '~%' AND v.day >= coalesce((SELECT day FROM nightly_work WHERE name = 'reduced'), '')
AND (d.slots IS NULL OR (d.slots >> CAST({SLOT_OF_VISIT} AS integer)) & 1 = 0)
"""
COUNT_ABSENT = text(f"SELECT count(*) {ABSENT_PEOPLE}")
LIST_ABSENT = text(f"SELECT DISTINCT v.scope, {PERSON_OF_VISIT} AS person, v.day, v.hour_s {ABSENT_PEOPLE}")
COUNT_WRONG_LAST_DAYS = text("""
SELECT count(*) FROM people p WHERE p.id > :after AND p.id <= :upto
AND p.last_day <> coalesce((SELECT max(d.day) FROM person_days d WHERE d.person_id = p.id), '')
""")
REMOVE_ABSENT = text("""
DELETE FROM people WHERE NOT EXISTS (SELECT 1 FROM person_days d WHERE d.person_id = people.id)
""")
SET_LAST_DAYS = text("""
UPDATE people SET last_day = (SELECT max(d.day) FROM person_days d WHERE d.person_id = people.id)
WHERE last_day <> (SELECT max(d.day) FROM person_days d WHERE d.person_id = people.id)
""")
# Erased visitors have names that begin with "~" (`upkeep.erasure.erasure_queries`).
COUNT_WRONG_ANONYMOUS = text("""
SELECT count(*) FROM people p LEFT JOIN visitors w ON w.scope = p.scope AND w.visitor_id = substr(p.person, 3)
WHERE p.id > :after AND p.id <= :upto AND p.person LIKE 'v:%' AND p.person NOT LIKE 'v:~%'
AND (w.scope IS NULL OR w.user_id IS NOT NULL)
""")
COUNT_WRONG_CONVERSIONS = text("""
SELECT count(*) FROM conversions c LEFT JOIN visitors w ON w.scope = c.scope AND w.visitor_id = c.visitor_id
WHERE (w.user_id IS NULL OR w.user_id <> c.user_id) AND c.visitor_id NOT LIKE '~%' AND c.user_id NOT LIKE '~%'
AND :after = 0
""")

REPAIR_PEOPLE = (REMOVE_ABSENT, SET_LAST_DAYS)

DAILY_SUM_TABLE = SumTable.of(DailyVisits, "visits", SUM_VISITS)
SUM_TABLES = (
    DAILY_SUM_TABLE,
    SumTable.of(HourlyVisits, "visits", SUM_VISITS),
    SumTable.of(Return, "people", SUM_RETURNS),
    SumTable.of(HourlyPeople, "people", SUM_HOURS),
)
LEDGER_CHECKS = (
    Invariant(
        "visits", "visit numbers differ from their id plus the earlier adjustments", "visits", COUNT_WRONG_ORDINALS
    ),
    Invariant("visitors", "visits are by visitors who are not listed", "visits", COUNT_UNLISTED),
)
ABSENCE_CHECK = Invariant("person_days", "visits are in hours when their person is not present", "visits", COUNT_ABSENT)
INVARIANTS = (
    *LEDGER_CHECKS,
    Invariant("visits", "numbers within a day are repeated or exceed the day's sum", "visits", COUNT_WRONG_DAY_NUMBERS),
    Invariant("visits", "are reduced, but not completely", "visits", COUNT_STILL_PERSONAL),
    ABSENCE_CHECK,
    Invariant("people", "have a last day that is not their latest day", "people", COUNT_WRONG_LAST_DAYS, REPAIR_PEOPLE),
    Invariant("people", "visitors are anonymous, but are users or are not listed", "people", COUNT_WRONG_ANONYMOUS),
    Invariant("conversions", "belong to visitors who are not known as that user", "people", COUNT_WRONG_CONVERSIONS),
)
