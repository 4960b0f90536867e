"""Rows of a plan for PostgreSQL, and the statement that writes most of them."""

from typing import Any

from koyjabo.base.database.json_rows import insert_sums, postgres_insert
from koyjabo.base.models import SITE
from .batch_plan import INSERTED_VISIT_COLUMNS, BatchPlan, FirstVisit, Sums
from .daily_people_postgres import POSTGRES_WRITE_PEOPLE
from .models import DailyVisits, HourlyVisits, Visit, Visitor
from .prepared_postgres import SERVER_NAME

VISITOR_ID, VISIT_ID = map(INSERTED_VISIT_COLUMNS.index, ("visitor_id", "visit_id"))

AS_EXPECTED = f"""
FROM counters c WHERE c.scope = 'site' AND (c.epoch, c.revision, c.visits, c.total, c.unique_visitors) = (
    ($1->'site'->>0)::bigint, ($1->'site'->>1)::bigint, ($1->'site'->>2)::bigint, ($1->'site'->>3)::bigint,
    ($1->'site'->>4)::bigint
)
AND coalesce((SELECT d.visits FROM daily_visits d WHERE d.scope = 'site' AND d.day = $1->'site'->>5), 0)
    = ($1->'site'->>6)::bigint
AND {SERVER_NAME} = $1->>'server'
AND NOT EXISTS (
    SELECT FROM jsonb_array_elements($1->'visits') r WHERE (
        SELECT true FROM visits v WHERE v.visitor_id = r->>{VISITOR_ID} AND v.visit_id = r->>{VISIT_ID}
    )
)
"""
"""The end of a query. It returns a row if the numbers are those that the plan was made with, on the same server, and
none of the plan's visits is stored.
"""


def _write_plan(condition: str = "") -> str:
    """The statement for a plan's visits, visitors, first day, first hour and the site's counter. Its parameter is JSON
    (`site_rows`). Returns the number of unique visitors.

    With a condition, it writes nothing if `SELECT 1 {condition}` returns no row, and known visitors that the plan takes
    for new ones are not counted again.
    """
    only, less = (", condition", " - known.visitors FROM known") if condition else ("", "")
    visits = postgres_insert(Visit, INSERTED_VISIT_COLUMNS, rows=f"jsonb_array_elements($1->'visits') r{only}")
    visitors = postgres_insert(Visitor, FirstVisit._fields, rows=f"jsonb_array_elements($1->'visitors') r{only}")
    day, hour = (
        f"SELECT 'site', {key}, ($1->'{name}'->>1)::bigint, ($1->'{name}'->>2)::bigint{less}"
        for name, key in (("day", "$1->'day'->>0"), ("hour", "($1->'hour'->>0)::bigint"))
    )
    conditions = f"""
condition AS MATERIALIZED (SELECT 1 {condition}),
visitor AS ({visitors} ON CONFLICT DO NOTHING RETURNING 1),
known AS (SELECT jsonb_array_length($1->'visitors') - (SELECT count(*) FROM visitor) AS visitors FROM condition),
"""
    return f"""
WITH given AS (SELECT %s::jsonb), {conditions if condition else f"visitor AS ({visitors}),"}
visit AS ({visits}), day AS ({insert_sums(DailyVisits, day)}), hour AS ({insert_sums(HourlyVisits, hour)})
UPDATE counters SET revision = ($1->'counter'->>0)::bigint, visits = ($1->'counter'->>1)::bigint,
    total = ($1->'counter'->>2)::bigint, unique_visitors = ($1->'counter'->>3)::bigint{less}
WHERE scope = 'site' RETURNING unique_visitors
"""


WRITE_SITE, WRITE_SITE_AS_EXPECTED = _write_plan(), _write_plan(AS_EXPECTED)


def site_rows(result: BatchPlan) -> dict[str, Any]:
    """What the statement stores of a plan that has visits."""
    return {
        "visits": result.visits,
        "visitors": result.visitors,
        "day": _sums(result.days)[0][1:],
        "hour": _sums(result.hours)[0][1:],
        "counter": result.snapshot[SITE][2:6],
    }


def other_rows(result: BatchPlan) -> dict[str, list[Any]]:
    """The rest of a plan: the rows for each further statement."""
    tables: dict[str, list[Any]] = {
        "days": _sums(result.days)[1:],
        "hours": _sums(result.hours)[1:],
        "counters": [result.snapshot[scope] for scope in result.touched if scope != SITE],
        "milestones": result.milestones,
        **dict(zip(POSTGRES_WRITE_PEOPLE, result.people.tables(), strict=True)),
    }
    return {name: rows for name, rows in tables.items() if rows}


def _sums(rows: dict[Any, Sums]) -> list[tuple[Any, ...]]:
    """Rows of a table of sums. The first one is the site's."""
    return [(*key, *sums) for key, sums in rows.items()]
