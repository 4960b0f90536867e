"""Rows of a plan for PostgreSQL, and the statement that writes most of them."""

from typing import Any

from koyjabo.base.database.json_rows import insert_sums, postgres_insert
from koyjabo.base.models import SITE
from .batch_plan import INSERTED_VISIT_COLUMNS, BatchPlan, FirstVisit, Sums
from .daily_people_postgres import POSTGRES_WRITE_PEOPLE
from .models import DailyVisits, HourlyVisits, Visit, Visitor
from .prepared_postgres import SERVER_NAME

VISITOR_AT, VISIT_AT = map(INSERTED_VISIT_COLUMNS.index, ("visitor_id", "visit_id"))

NEW_VISITORS = postgres_insert(Visitor, FirstVisit._fields, rows="jsonb_array_elements($1->'visitors') r")

LOOKED_UP = f"visitor AS ({NEW_VISITORS}), known AS (SELECT 0 AS visitors)"

AS_EXPECTED = f"""
condition AS MATERIALIZED (
    SELECT 1 FROM counters c WHERE c.scope = 'site' AND $1->'expected' = jsonb_build_array(
        {SERVER_NAME}, c.epoch, c.revision, c.visits, c.total, c.unique_visitors,
        coalesce((SELECT d.visits FROM daily_visits d WHERE d.scope = 'site' AND d.day = $1->'day'->>0), 0)
    )
    AND NOT EXISTS (
        SELECT FROM jsonb_array_elements($1->'visits') r WHERE (
            SELECT true FROM visits v WHERE v.visitor_id = r->>{VISITOR_AT} AND v.visit_id = r->>{VISIT_AT}
        )
    )
),
visitor AS ({NEW_VISITORS}, condition ON CONFLICT DO NOTHING RETURNING 1),
known AS (SELECT jsonb_array_length($1->'visitors') - (SELECT count(*) FROM visitor) AS visitors FROM condition)
"""
"""Inserts visitors if the numbers are those that the plan was made with, on the same server, and none of the plan's
visits is stored. Otherwise, `known` is empty.
"""


def write_plan(known: str) -> str:
    """The statement for a plan's visits, visitors, first day, first hour and the site's counter. Its parameter is JSON
    (`site_rows`). Returns the number of unique visitors.

    `known` has the number of visitors that the plan counts as new although they are already stored. If it is empty, the
    statement writes nothing. `given` is not read: it gives the parameter its type.
    """
    visits = postgres_insert(Visit, INSERTED_VISIT_COLUMNS, rows="jsonb_array_elements($1->'visits') r, known")
    day, hour = (
        f"SELECT 'site', {key}, ($1->'{name}'->>1)::bigint, ($1->'{name}'->>2)::bigint - known.visitors FROM known"
        for name, key in (("day", "$1->'day'->>0"), ("hour", "($1->'hour'->>0)::bigint"))
    )
    return f"""
WITH given AS (SELECT %s::jsonb), {known},
visit AS ({visits}), day AS ({insert_sums(DailyVisits, day)}), hour AS ({insert_sums(HourlyVisits, hour)})
UPDATE counters SET revision = ($1->'counter'->>0)::bigint, visits = ($1->'counter'->>1)::bigint,
    total = ($1->'counter'->>2)::bigint, unique_visitors = ($1->'counter'->>3)::bigint - known.visitors
FROM known WHERE scope = 'site' RETURNING unique_visitors::bigint
"""


def site_rows(result: BatchPlan) -> dict[str, Any]:
    """The statement's parameter for a plan that has visits."""
    return {
        "visits": result.visits,
        "visitors": result.visitors,
        "day": _sums(result.days)[0][1:],
        "hour": _sums(result.hours)[0][1:],
        "counter": result.snapshot[SITE][2:6],
    }


def other_rows(result: BatchPlan) -> dict[str, list[Any]]:
    """The plan's other rows, by statement."""
    tables: dict[str, list[Any]] = {
        "days": _sums(result.days)[1:],
        "hours": _sums(result.hours)[1:],
        "counters": [result.snapshot[scope] for scope in result.touched if scope != SITE],
        "milestones": result.milestones,
        "views": result.views,
        **dict(zip(POSTGRES_WRITE_PEOPLE, result.people.tables(), strict=True)),
    }
    return {name: rows for name, rows in tables.items() if rows}


def _sums(rows: dict[Any, Sums]) -> list[tuple[Any, ...]]:
    """Rows of a table of sums. The first one is the site's."""
    return [(*key, *sums) for key, sums in rows.items()]
