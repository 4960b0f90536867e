"""Statements that PostgreSQL plans once per connection, and not again for each transaction (decision 10)."""

import re
from collections.abc import Mapping
from hashlib import sha256
from itertools import count

PLACEHOLDER = "%s"

SERVER_NAME = "'SERVER'"
"""In a statement, the text that identifies the connection's database on this server since its last start."""

PLAN_ONCE = """
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
"""
"""Makes a transaction keep its plans. They have to fit batches of any size, and tables that have grown since, so they
always use the indexes.
"""


class PreparedStatements:
    """SQL statements by name. Their placeholders are `%s`, and a `%` is written twice.

    `calls` has the SQL that executes each of them, with the same parameters. A message that may be the first one on its
    connection begins with `prepare`. The statements have a common name that depends on their SQL, so that two versions
    of this program can share a pooler's connections.
    """

    def __init__(self, statements: Mapping[str, str]) -> None:
        family = f"koyjabo_{sha256(repr(statements).encode()).hexdigest()[:16]}_"
        self.calls = {
            name: f"EXECUTE {family}{name}({', '.join([PLACEHOLDER] * sql.count(PLACEHOLDER))});\n"
            for name, sql in statements.items()
        }
        prepare = "".join(
            f"EXECUTE replace($sql$PREPARE {family}{name} AS {_numbered(sql)}$sql$, $sql${SERVER_NAME}$sql$, server);\n"
            for name, sql in statements.items()
        )
        # An error may have left some of them. The last one shows that all are there.
        self.prepare = f"""
DO $do$ DECLARE known text; server text := quote_literal(concat_ws(' ',
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
    (SELECT oid FROM pg_database WHERE datname = current_database()))); BEGIN
IF NOT EXISTS (SELECT FROM pg_prepared_statements WHERE name = '{family}{[*statements][-1]}') THEN
FOR known IN SELECT name FROM pg_prepared_statements WHERE starts_with(name, '{family}') LOOP
EXECUTE 'DEALLOCATE ' || known; END LOOP;
{prepare}END IF; END $do$;
"""


def _numbered(sql: str) -> str:
    numbers = count(1)
    return re.sub(PLACEHOLDER, lambda _: f"${next(numbers)}", sql.rstrip("; \n"))
